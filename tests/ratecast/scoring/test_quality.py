"""Faults planted in invented feeds: found at the newest rate, named, and quiet when the feed is right again."""

from __future__ import annotations

import numpy as np
import pytest

from ratecast.model.forecast import Forecaster
from ratecast.model.onnx_model import OnnxModel
from ratecast.scoring.quality import Days, Quality, QualityChecker
from tests.bundles import LEVELS, SIGMA, forest_on_noise, training_stats

STATS = training_stats()
FORECASTER = Forecaster(STATS, OnnxModel(forest_on_noise()[0]))
CHECKER = QualityChecker.from_stats(STATS)
LAST_DAY = np.datetime64("2024-12-31").astype(int)


def feed(pair: str = "EUR/GBP", days: int = 61, seed: int = 1, scale: float = SIGMA) -> np.ndarray:
    steps = np.random.default_rng(seed).normal(scale=scale, size=days)
    return LEVELS[pair] * np.exp(np.cumsum(steps))


def check(*histories: np.ndarray, pair: str = "EUR/GBP", days: Days | None = None) -> Quality:
    rows = np.full(len(histories), FORECASTER.pair_index[pair], dtype=np.intp)
    windows = FORECASTER.windows([list(map(float, history)) for history in histories], rows)
    return CHECKER.check(windows, days or Days.unknown(len(histories)))


def codes(history: np.ndarray, pair: str = "EUR/GBP", days: Days | None = None) -> list[str]:
    return [code.value for code in check(history, pair=pair, days=days).alerts.get(0, {})]


def aged(days_since_training: float) -> Days:
    return Days(
        np.array([LAST_DAY + days_since_training]), np.array([1.0]), np.array([28.0]), np.array([np.nan])
    )


def test_clean_feeds_are_quiet() -> None:
    found = check(*(feed(seed=seed) for seed in range(300)))
    assert found.alerts == {}
    assert found.ignored_returns == {}


@pytest.mark.parametrize(
    ("power", "words"),
    [(1, "10 times"), (2, "100 times"), (4, "10,000 times"), (-2, "1/100 times")],
)
def test_a_decimal_slip_is_named_with_its_factor_as_long_as_it_lasts(power: int, words: str) -> None:
    clean = feed(days=61 + 50)
    for since in (1, 2, 30, 50):
        slipped = clean[: 61 + since].copy()
        slipped[-since:] *= 10.0**power
        (found,) = check(slipped, days=aged(10)).alerts.values()
        that_rate = "the previous rate" if since == 1 else f"the rate {since} steps before"
        assert found["decimal_slip"] == f"decimal slip: {words} {that_rate}"
        assert ("jump" in found) == (since == 1)


def test_a_slip_of_one_day_is_over_the_day_after() -> None:
    clean = feed(days=70)
    clean[60] *= 100
    assert codes(clean[:61]) == ["jump", "level_cone", "decimal_slip"]
    assert [codes(clean[:stop]) for stop in range(62, 71)] == [[]] * 9


def test_a_second_slip_is_found_while_the_first_is_in_sight() -> None:
    clean = feed(days=61)
    clean[20] *= 100
    clean[-1] *= 10
    assert "decimal_slip" in codes(clean)


def test_the_way_back_is_no_fault_once_only_the_faulty_level_is_before_it() -> None:
    # Ninety days at a hundred times the rate, then repaired: every window begins within the fault.
    slipped = feed(days=100)
    slipped[:90] *= 100
    # The first right rate is a jump, judged by the message alone. The level in training shows that it is right.
    assert codes(slipped[:91], days=aged(200)) == ["jump", "decimal_slip"]
    assert codes(slipped[:95], days=aged(206)) == []
    # That is so of the days before the end of training, and of rates without a date.
    assert codes(slipped[:95], days=aged(-900)) == []
    assert codes(slipped[:95]) == []
    # Where training's level is far from both, there is no telling which is right.
    assert codes(3 * slipped[:95], days=aged(10)) == ["level_cone", "decimal_slip"]


@pytest.mark.parametrize("days", [aged(400), aged(-400), None])
def test_a_wrong_level_is_reported_even_when_the_step_to_it_is_out_of_sight(days: Days | None) -> None:
    assert codes(10 * feed(), days=days) == ["level_cone"]
    assert codes(feed() / 10, days=days) == ["level_cone"]


@pytest.mark.parametrize(("step", "percent"), [(0.06, "+6.18"), (-0.06, "-5.82")])
def test_a_jump_is_reported_in_percent_and_in_the_volatility_before_it(step: float, percent: str) -> None:
    jumped = np.append(feed(), feed()[-1] * np.exp(step))
    before = FORECASTER.windows([feed().tolist()], np.zeros(1, dtype=np.intp)).sigma[0]
    assert check(jumped).alerts[0]["jump"] == f"jump: {percent} % in one step, {0.06 / before:.3g} sigma"


@pytest.mark.parametrize("factor", [1.3, 1.5, 1 / 1.5])
def test_a_step_of_the_level_is_no_return_to_it(factor: float) -> None:
    stepped = feed()
    stepped[-1] *= factor
    assert codes(stepped) == ["jump"]


def test_a_level_that_training_saw_is_no_news_in_a_message_without_a_date() -> None:
    seen = STATS.pairs["EUR/GBP"].features["lag_1"].model_copy(update={"min": 0.85 / 20})
    pair = STATS.pairs["EUR/GBP"].model_copy(
        update={"features": {**STATS.pairs["EUR/GBP"].features, "lag_1": seen}}
    )
    checker = QualityChecker.from_stats(STATS.model_copy(update={"pairs": {**STATS.pairs, "EUR/GBP": pair}}))
    windows = FORECASTER.windows([(feed() / 10).tolist()], np.zeros(1, dtype=np.intp))
    assert checker.check(windows, Days.unknown(1)).alerts == {}
    assert list(checker.check(windows, aged(400)).alerts[0]) == ["level_cone"]


def test_an_inverted_quote_is_named() -> None:
    clean = feed("EUR/JPY")
    clean[-1] = 1 / clean[-1]
    found = check(clean, pair="EUR/JPY").alerts[0]
    assert "inverted_quote" in found
    assert found["inverted_quote"].endswith(f"is about 1 / {clean[-2]:.6g}, the previous rate")
    assert "decimal_slip" not in found


def test_a_stuck_feed_is_found_at_the_fourth_equal_rate_and_its_length_reported() -> None:
    moving = feed(days=57)
    lengths = {n: codes(np.append(moving, [moving[-1]] * (n - 1))) for n in range(2, 40)}
    assert [n for n, found in lengths.items() if found] == list(range(4, 40))
    found = check(np.append(moving, [moving[-1]] * 9))
    assert found.alerts[0]["stuck"] == "stuck: 10 equal rates in a row"
    assert found.ignored_returns[0].tolist() == [False] * 51 + [True] * 9


def test_a_peg_that_has_stood_still_before_is_no_news() -> None:
    held = np.full(12, 0.85)
    earlier = np.concatenate([feed(days=20), held, feed(days=10, seed=2)])
    lengths = {n: peg(longest_run=40).check(*windows_of([*earlier, *[0.86] * n])).alerts for n in (13, 14)}
    assert [list(found.get(0, {})) for found in lengths.values()] == [[], ["stuck"]]
    # Before, but in training three at most: then that was the fault as well, and excuses five no more.
    assert [len(codes(np.concatenate([earlier, np.full(n, 0.86)]))) for n in (4, 5)] == [0, 1]


def test_a_feed_that_hangs_again_and_again_is_found_again_and_again() -> None:
    moves = feed(days=30)
    hanging = np.concatenate([feed(), *([rate] * 10 for rate in moves)])
    found = [codes(hanging[61 + day - 60 : 61 + day + 1]) for day in range(10, 300)]
    late = [day % 10 for day, alerts in zip(range(10, 300), found, strict=True) if "stuck" in alerts]
    assert late == [4, 5, 6, 7, 8, 9] * 29


def test_what_a_hanging_feed_left_behind_narrows_no_range_and_its_end_is_no_jump() -> None:
    for seed in range(40):
        clean = feed(days=80, seed=seed)
        hung = clean.copy()
        hung[45:65] = clean[44]
        for right in (65, 66, 75):  # the first right rate is the move of 21 days
            found = check(hung[right - 60 : right + 1])
            assert found.alerts == {}
            ignored = np.flatnonzero(found.ignored_returns[0]) + right - 60 + 1
            assert ignored.tolist() == list(range(45, 66))
            windows = FORECASTER.windows([hung[right - 60 : right + 1].tolist()], np.zeros(1, dtype=np.intp))
            unhung = FORECASTER.windows([clean[right - 60 : right + 1].tolist()], np.zeros(1, dtype=np.intp))
            assert 0.5 < windows.without(found.ignored_returns).sigma[0] / unhung.sigma[0] < 2


def test_a_feed_that_hangs_and_comes_back_wrong_jumps() -> None:
    hung = feed(days=80)
    hung[45:65] = hung[44]
    hung[65] = hung[44] * 10
    assert codes(hung[5:66], days=aged(10)) == ["jump", "level_cone", "decimal_slip"]


def peg(longest_run: int) -> QualityChecker:
    """Make a checker whose training had a run of equal EUR/GBP rates of this length."""
    pair = STATS.pairs["EUR/GBP"].model_copy(update={"longest_run": longest_run})
    return QualityChecker.from_stats(STATS.model_copy(update={"pairs": {**STATS.pairs, "EUR/GBP": pair}}))


def windows_of(history: list[float]) -> tuple:
    return FORECASTER.windows([list(map(float, history))], np.zeros(1, dtype=np.intp)), Days.unknown(1)


def test_a_history_of_one_value_is_stuck_however_long() -> None:
    for length in (4, 21, 61, 200):
        found = check(np.full(length, 0.85))
        assert "stuck" in found.alerts[0]


def test_a_jump_is_judged_by_the_volatility_before_it() -> None:
    calm = feed(scale=SIGMA / 4)
    sigma = float(FORECASTER.windows([calm.tolist()], np.zeros(1, dtype=np.intp)).sigma[0])
    step = {share: np.append(calm, calm[-1] * np.exp(7.5 * sigma * share)) for share in (0.99, 1.01)}
    assert codes(step[0.99]) == []
    (text,) = check(step[1.01]).alerts[0].values()
    assert text.startswith("jump: +")
    assert text.endswith("sigma")


def test_the_cone_widens_with_the_age_of_the_model() -> None:
    def drifting(distance: float) -> np.ndarray:
        return feed() / feed()[-1] * LEVELS["EUR/GBP"] * np.exp(distance)

    trading_days = 365 * 5 / 7
    reach = 5 * SIGMA * np.sqrt(trading_days + 20)
    assert codes(drifting(1.01 * reach), days=aged(365)) == ["level_cone"]
    assert codes(drifting(0.99 * reach), days=aged(365)) == []
    assert codes(drifting(1.01 * reach), days=aged(2 * 365)) == []
    assert codes(drifting(1.01 * reach), days=aged(-365)) == ["level_cone"]  # a walk read backwards is a walk
    assert codes(drifting(0.99 * reach), days=aged(-365)) == []
    assert codes(drifting(1.01 * reach)) == []  # without a date it may be of any day


@pytest.mark.parametrize(("gap", "span", "expected"), [(5, 34, []), (6, 34, ["gap"]), (1, 35, ["gap"])])
def test_gaps_are_days_between_rates_or_rates_missing_one_by_one(gap, span, expected) -> None:
    days = Days(np.array([LAST_DAY + 1.0]), np.array([float(gap)]), np.array([float(span)]), np.array([5.0]))
    assert codes(feed(), days=days) == expected


@pytest.mark.parametrize(("gap", "span"), [(0, 20), (0, 0)])
def test_several_rates_a_day_are_no_gap_and_not_backwards(gap: float, span: float) -> None:
    days = Days(*(np.array([x]) for x in (LAST_DAY + 1.0, float(gap), float(span), np.nan)))
    assert codes(feed(), days=days) == []


def test_a_single_gap_is_reported_once_and_not_again_while_it_is_in_the_window() -> None:
    def reported(gap: float, span: float, longest: float) -> list[str]:
        return codes(feed(), days=Days(*(np.array([x]) for x in (LAST_DAY + 1.0, gap, span, longest))))

    assert reported(gap=10, span=37, longest=10) == ["gap"]  # when it comes
    assert reported(gap=1, span=37, longest=10) == []  # while it is in the last twenty steps
    assert reported(gap=1, span=45, longest=10) == ["gap"]  # others are missing beside it
    assert reported(gap=2, span=40, longest=4) == ["gap"]  # every second one is


@pytest.mark.parametrize(("gap", "span"), [(-1, 28), (1, -28)])
def test_dates_that_go_backwards_are_reported(gap: float, span: float) -> None:
    days = Days(*(np.array([x]) for x in (LAST_DAY + 1.0, float(gap), float(span), np.nan)))
    assert check(feed(), days=days).alerts[0] == {"gap": "gap: the dates of the rates go backwards"}


def test_a_more_volatile_market_is_distinguished_from_a_broken_feed() -> None:
    volatile = np.append(feed(), feed()[-1] * np.exp(np.cumsum([4 * SIGMA, -4 * SIGMA] * 5)))
    found = check(volatile)
    assert list(found.alerts[0]) == ["volatility_regime"]
    assert not found.faulty().any()
    slipped = feed()
    slipped[-3:] *= 10
    found = check(slipped)
    assert "volatility_regime" not in found.alerts[0]
    assert found.faulty().all()
    spiked = volatile.copy()
    spiked[30] *= 100  # long before the ten returns that are judged
    found = check(spiked)
    assert list(found.alerts[0]) == ["volatility_regime"]
    assert found.ignored_returns[0].sum() == 2


def test_rows_do_not_influence_each_other() -> None:
    clean, slipped = feed(), feed(seed=2)
    slipped[-1] *= 100
    assert list(check(clean, slipped, clean).alerts) == [1]


def test_short_histories_are_checked_for_what_they_can_show() -> None:
    assert codes(np.array([0.85, 0.86, 86.0])) == ["jump", "level_cone", "decimal_slip"]
    assert codes(np.array([0.85, 0.851, 0.852])) == []


def test_a_spike_that_is_over_does_not_count_in_the_volatility_and_hides_no_jump() -> None:
    clean = feed(days=70)
    spiked = clean.copy()
    spiked[40] *= 100
    (mask,) = check(spiked).ignored_returns.values()
    assert np.flatnonzero(mask).tolist() == [40 - 70 + 60, 41 - 70 + 60]
    jumped = np.append(spiked, spiked[-1] * np.exp(12 * SIGMA))
    assert codes(jumped) == ["jump"]


def test_a_fault_that_lasts_keeps_its_wide_range() -> None:
    slipped = feed()
    slipped[-5:] *= 100
    assert check(slipped).ignored_returns == {}
