"""Finds out whether a model is too old for a pair: the rate left training, or ranges and forecasts got worse."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.diebold_mariano import diebold_mariano
from training.drift_report import measures
from training.drift_report.findings import LEVELS_END, Action, Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from training.drift_report.measures import Answers, ScorePath
    from training.drift_report.prediction_table import PairMessages

LEVEL_SHARE = 0.5  # of the newest messages outside training
MIN_NOW = 20
COVERAGE_ERRORS = (
    3.5  # standard errors of a share: with 20 pairs and two ranges, one false alarm in 50 reports
)
WORSE_P_VALUE = 0.001
WORSE_RATIO = 1.01


def old_level(
    messages: PairMessages,
    drifted: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    bounds: tuple[float, float],
    paths: Iterable[ScorePath],
) -> Finding | None:
    """Returns a finding if the rate has left the range seen in training and stays outside.

    Args:
        messages: messages of the pair.
        drifted: result of the classic rule, ``(n, 5)``.
        kept: messages whose features can be trusted, ``(n,)``.
        bounds: lowest and highest rate without drift, from `ratecast.model.classic_drift.level_bounds`.
        paths: drift scores of the pair's returns.
    """
    rows = np.flatnonzero(kept)
    out: NDArray[np.bool_] = np.any(drifted[rows, :LEVELS_END], axis=1)
    now = out[-measures.NOW_MESSAGES :]
    if len(now) < MIN_NOW or now.mean() < LEVEL_SHARE:
        return None
    # It began after the newest stretch of NOW_MESSAGES of which less than half was outside.
    share = np.convolve(out, np.ones(len(now)), "valid") / len(now)
    inside = np.flatnonzero(share < LEVEL_SHARE)
    begun = (
        int(inside[-1]) + 1 + int(np.argmax(out[int(inside[-1]) + 1 :]))
        if len(inside)
        else int(np.argmax(out))
    )
    since = messages.day(int(rows[begun]))
    low, high = bounds
    returns = "have changed too" if any(path.shows_change for path in paths) else "are as in training"
    where = f"{int(now.sum())} of the newest {len(now)} messages are outside {low:.6g} to {high:.6g}"
    return Finding(
        action=Action.RETRAIN,
        code="level_left",
        text=f"retrain the model: the rate of {messages.pair} has left the range seen in training ({where}); "
        f"its returns {returns}",
        brief=f"outside training since {since}",
        first=since,
        last=None,
        spans=((int(rows[begun]), len(messages) - 1),),
    )


def accuracy(messages: PairMessages, found: Answers) -> list[Finding]:
    """Returns findings on ranges and forecasts that are worse than promised, over the newest answers."""
    newest = found.newest()
    if len(newest) < measures.MIN_ANSWERS or newest.coverage is None:
        return []
    first = messages.day(int(newest.rows[0]))
    findings = [
        _wrong_range(messages.pair, level, share, len(newest), first)
        for level, share in zip(LEVELS, newest.coverage, strict=True)
        if _is_off(share, int(level) / 100, len(newest))
    ]
    ratio = newest.error_ratio
    if ratio is not None and ratio > WORSE_RATIO:
        # The last rate takes the model's place in the test: the p-value is small if it is clearly the better forecast.
        test = diebold_mariano(newest.error - newest.naive)
        if test is not None and test.p_value < WORSE_P_VALUE:
            text = (
                f"retrain the model: forecasts of {messages.pair} are worse than the last rate, "
                f"error ratio {ratio:.3f} over {len(newest):,} messages"
            )
            findings.append(Finding(Action.RETRAIN, "error", text, f"error ratio {ratio:.3f}", first, None))
    return findings


def _is_off(share: float, promised: float, count: int) -> bool:
    """Whether a coverage differs from the promised one by more than chance explains."""
    return abs(share - promised) > COVERAGE_ERRORS * math.sqrt(promised * (1 - promised) / count)


def _wrong_range(pair: str, level: str, share: float, count: int, first: str) -> Finding:
    fault = "too narrow" if 100 * share < int(level) else "too wide"
    return Finding(
        action=Action.RETRAIN,
        code=f"coverage_{level}",
        text=f"retrain the model: the {level} % range of {pair} is {fault}, "
        f"it contained {100 * share:.0f} % of {count:,} next rates",
        brief=f"{level} % range contains {100 * share:.0f} %",
        first=first,
        last=None,
    )
