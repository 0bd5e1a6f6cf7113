"""Which detector finds which fault of a feed, how soon, and how often each is wrong about clean rates.

A model is trained to the end of 2020. From 2021 on each fault begins on 25 days in the feed of each of its pairs;
the 60 messages from the first faulty one on are checked. Clean are all messages of the same years. Rates are the
ECB's; only the faults are made. ``--write docs/drift.md`` puts the tables between that file's markers.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from monitoring.quality import SPAN_STEPS, Days, QualityChecker
from producer.faults import Fault, FaultKind
from producer.faulty_feed import inject_all
from ratecast import model, rates
from ratecast.alerts import MARKET_ALERTS, Alert
from ratecast.features import FEATURE_NAMES, WINDOW
from ratecast.forecast import Forecaster
from ratecast.rates import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

TRAINED_UNTIL = dt.date(2020, 12, 31)
STARTS = 25
MESSAGES = 60
ANY = "any feed alert"
RULE, LEVEL_RULE = "classic rule, returns", "classic rule, all features"
DETECTORS = (RULE, LEVEL_RULE, *(alert.value for alert in Alert), ANY)
RETURNS = [name.startswith("return") for name in FEATURE_NAMES]


@dataclass(frozen=True)
class Case:
    """A fault as the table's columns have it."""

    title: str
    kind: FaultKind
    count: int | None = None


CASES = (
    Case("x10", FaultKind.LEVEL_JUMP),
    Case("x100 once", FaultKind.DECIMAL_SLIP),
    Case("x100 for good", FaultKind.DECIMAL_SLIP_FOR_GOOD),
    Case("inverted", FaultKind.INVERTED),
    Case("wrong pair", FaultKind.WRONG_PAIR),
    Case("+5 % step", FaultKind.STEP),
    Case("volatility x5", FaultKind.VOLATILITY),
    Case("stuck", FaultKind.STUCK),
    Case("gap of 10 days", FaultKind.GAP),
    Case("every second rate missing", FaultKind.MISSING),
)


class Detectors:
    """Every detector on one bundle."""

    def __init__(self, bundle: model.Bundle) -> None:
        self.forecaster = Forecaster.from_bundle(bundle)
        self.checker = QualityChecker.from_stats(bundle.stats)

    def fired(self, series: Series, first: int, count: int) -> dict[str, NDArray[np.bool_]]:
        """Detector -> whether it marks the messages whose newest rates are ``first`` to ``first + count``."""
        stop = min(first + count, len(series.rates))
        histories = sliding_window_view(series.rates, WINDOW)[first - WINDOW + 1 : stop - WINDOW + 1]
        pair = np.full(len(histories), self.forecaster.pair_index[series.pair], dtype=np.intp)
        numbers = series.dates.astype(np.int64).astype(np.float64)
        at = np.arange(first, stop)
        longest = sliding_window_view(np.diff(numbers), SPAN_STEPS)[at - SPAN_STEPS].max(axis=1)
        days = Days(
            numbers[at], numbers[at] - numbers[at - 1], numbers[at] - numbers[at - SPAN_STEPS], longest
        )
        windows = self.forecaster.windows(histories.tolist(), pair)
        alerts = self.checker.check(windows, days).alerts
        drifted = self.forecaster.forecast(windows).drifted
        found = {name: np.zeros(len(histories), dtype=np.bool_) for name in DETECTORS}
        found[RULE], found[LEVEL_RULE] = drifted[:, RETURNS].any(axis=1), drifted.any(axis=1)
        for row, codes in alerts.items():
            for code in codes:
                found[code.value][row] = True
                found[ANY][row] |= code not in MARKET_ALERTS
        return found


def clean_series(table: rates.RateTable, pairs: tuple[str, ...]) -> dict[str, Series]:
    """The newest stretch of each pair."""
    return {pair: rates.series(table, pair)[-1] for pair in pairs}


def start_days(series: dict[str, Series]) -> list[np.datetime64]:
    """Days spread evenly over the years after training that every pair has MESSAGES rates from."""
    days = next(iter(series.values())).dates
    first = int(np.searchsorted(days, np.datetime64(TRAINED_UNTIL), "right"))
    return [days[i] for i in np.linspace(first + 5, len(days) - MESSAGES - 40, STARTS).astype(int)]


def injected(
    series: dict[str, Series], case: Case, day: np.datetime64, table: rates.RateTable
) -> Iterator[tuple[Series, int]]:
    """Each pair's series with the fault, and the index of the first rate that shows it."""
    near = {}
    for pair, whole in series.items():
        at = int(np.searchsorted(whole.dates, day))
        cut = slice(max(0, at - 2 * WINDOW), at + 4 * MESSAGES)
        near[pair] = [Series(pair, whole.dates[cut], whole.rates[cut])]
    feed, _ = inject_all(table, near, [Fault(case.kind, None, day.astype(dt.date), case.count)])
    for (faulty,) in feed.values():
        yield faulty, int(np.searchsorted(faulty.dates, day))


def faults_table(
    detectors: Detectors, table: rates.RateTable, series: dict[str, Series]
) -> tuple[list[list[str]], list[str]]:
    """A row a detector, a column a fault: share found within 60 messages, at the first, and the median delay."""
    cells: dict[str, list[str]] = {name: [] for name in DETECTORS}
    notes = []
    for number, case in enumerate(CASES, 1):
        print(f"[{number}/{len(CASES)}] {case.title}", file=sys.stderr)  # progress
        delays: dict[str, list[float]] = {name: [] for name in DETECTORS}
        missed_pairs: dict[str, int] = {}
        for day in start_days(series):
            for faulty, first in injected(series, case, day, table):
                fired = detectors.fired(faulty, first, 1 if case.title == "x100 once" else MESSAGES)
                for name, marks in fired.items():
                    delays[name].append(float(np.argmax(marks)) if marks.any() else np.inf)
                if not np.isfinite(delays[ANY][-1]):
                    missed_pairs[faulty.pair] = missed_pairs.get(faulty.pair, 0) + 1
        for name in DETECTORS:
            cells[name].append(_cell(np.array(delays[name])))
        if missed_pairs and case.kind is not FaultKind.VOLATILITY:
            worst = ", ".join(f"{pair} {n}" for pair, n in sorted(missed_pairs.items(), key=lambda p: -p[1]))
            notes.append(f"{case.title}: not found in {worst} of {STARTS} each")
    return [[name, *cells[name]] for name in DETECTORS], notes


def _cell(delays: NDArray[np.float64]) -> str:
    found = np.isfinite(delays)
    if not found.any():
        return "0"
    share, at_once = 100 * found.mean(), 100 * (delays == 0).mean()
    return f"{share:.0f} / {at_once:.0f} / {np.median(delays[found]):.0f}"


def clean_table(detectors: Detectors, series: dict[str, Series]) -> tuple[list[list[str]], int]:
    """A row a detector: share of clean messages marked, in %, the pair marked most, and its share."""
    marks: dict[str, dict[str, NDArray[np.bool_]]] = {name: {} for name in DETECTORS}
    for pair, whole in series.items():
        first = int(np.searchsorted(whole.dates, np.datetime64(TRAINED_UNTIL), "right"))
        for name, fired in detectors.fired(whole, first, len(whole.rates)).items():
            marks[name][pair] = fired
    rows = []
    for name, by_pair in marks.items():
        pooled = np.concatenate(list(by_pair.values()))
        worst = max(by_pair, key=lambda pair: by_pair[pair].mean())
        share = f"{100 * pooled.mean():.3f}"
        rows.append([name, share, f"{worst} {100 * by_pair[worst].mean():.2f}" if pooled.any() else ""])
    return rows, len(pooled)


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def report(models_dir: Path) -> str:
    """Both tables and what they are."""
    detectors = Detectors(model.load(models_dir))
    table = rates.load_ecb()
    series = clean_series(table, detectors.forecaster.pairs)
    found, notes = faults_table(detectors, table, series)
    clean, messages = clean_table(detectors, series)
    cases = len(series) * STARTS
    intro = (
        f"Faults: {len(series)} pairs x {STARTS} days = {cases} of each. In a cell: share found within {MESSAGES} "
        "messages, % / share found at the first faulty message, % / median delay of those found, in messages."
    )
    return "\n\n".join(
        (
            intro,
            markdown(["detector", *(case.title for case in CASES)], found),
            *(f"- {note}" for note in notes),
            f"Clean: all {messages:,} messages of the same pairs from 2021 on.",
            markdown(["detector", "marked, %", "most in, %"], clean),
        )
    )


def train(models_dir: Path) -> None:
    """The model under test."""
    from training.pipeline import TrainOptions
    from training.pipeline import train as run

    run(
        TrainOptions(models_dir=models_dir, until=TRAINED_UNTIL),
        lambda stage, *_: print(stage, file=sys.stderr),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models-dir", type=Path, help="a model trained to 2020-12-31 (default: train one)")
    parser.add_argument(
        "--write", type=Path, metavar="PATH", help="put the tables between the file's markers"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        models_dir = options.models_dir or Path(scratch)
        if options.models_dir is None:
            train(models_dir)
        text = report(models_dir)
    print(text)
    if options.write is not None:
        page = options.write.read_text(encoding="utf-8")
        head, _, rest = page.partition("<!-- detection -->\n")
        _, _, tail = rest.partition("<!-- /detection -->")
        options.write.write_text(
            f"{head}<!-- detection -->\n{text}\n<!-- /detection -->{tail}", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
