"""Whether a model is too old for a pair: its level left training, or its ranges and forecasts no longer hold."""

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
    from training.drift_report.tape import PairMessages

LEVEL_SHARE = 0.5
MIN_NOW = 20
COVERAGE_ERRORS = 3.5  # standard errors of a share: over 20 pairs and two ranges, one false alarm in 50
WORSE_P_VALUE = 0.001
WORSE_RATIO = 1.01


def old_level(
    messages: PairMessages,
    drifted: NDArray[np.bool_],
    kept: NDArray[np.bool_],
    bounds: tuple[float, float],
    paths: Iterable[ScorePath],
) -> Finding | None:
    """Whether the level has left training and stays away: the model's age, not its feed.

    Args:
        messages: of the pair.
        drifted: by the classic rule, ``(n, 5)``.
        kept: messages whose features are to be believed, ``(n,)``.
        bounds: of a level by the classic rule, `ratecast.model.classic_drift.level_bounds`.
        paths: windowed scores of the pair's returns.
    """
    rows = np.flatnonzero(kept)
    out: NDArray[np.bool_] = np.any(drifted[rows, :LEVELS_END], axis=1)
    now = out[-measures.NOW_MESSAGES :]
    if len(now) < MIN_NOW or now.mean() < LEVEL_SHARE:
        return None
    # Since when: from the newest stretch of NOW_MESSAGES of which less than half was out.
    share = np.convolve(out, np.ones(len(now)), "valid") / len(now)
    inside = np.flatnonzero(share < LEVEL_SHARE)
    begun = (
        int(inside[-1]) + 1 + int(np.argmax(out[int(inside[-1]) + 1 :]))
        if len(inside)
        else int(np.argmax(out))
    )
    since = messages.day(int(rows[begun]))
    low, high = bounds
    returns = "returns too" if any(path.tells for path in paths) else "returns have not"
    where = f"{int(now.sum())} of the newest {len(now)} messages outside {low:.6g} to {high:.6g}"
    return Finding(
        Action.RETRAIN,
        "level_left",
        f"the model is old: level features of {messages.pair} left the training range ({where}), {returns}: retrain",
        f"level left training since {since}",
        since,
        None,
        ((int(rows[begun]), len(messages) - 1),),
    )


def accuracy(messages: PairMessages, found: Answers) -> list[Finding]:
    """Ranges or forecasts that no longer hold what they claim, over the newest answers."""
    newest = found.newest()
    count, coverage = len(newest), newest.coverage
    if count < measures.MIN_ANSWERS or coverage is None:
        return []
    first, told = messages.day(int(newest.rows[0])), []
    for level, share in zip(LEVELS, coverage, strict=True):
        claim = int(level) / 100
        if abs(share - claim) > COVERAGE_ERRORS * math.sqrt(claim * (1 - claim) / count):
            fault = "too narrow" if share < claim else "too wide"
            text = f"accuracy: coverage of the {level} % range of {messages.pair} is {100 * share:.0f} %"
            text += f" over {count:,} messages, the range is {fault}: retrain"
            brief = f"{level} % range holds {100 * share:.0f} %"
            told.append(Finding(Action.RETRAIN, f"coverage_{level}", text, brief, first, None))
    ratio, loss = newest.error_ratio, newest.error - newest.naive
    if ratio is not None and ratio > WORSE_RATIO:
        test = diebold_mariano(loss)  # the last rate's side: small when it is surely the better forecast
        if test is not None and test.p_value < WORSE_P_VALUE:
            text = f"accuracy: forecasts of {messages.pair} are worse than the last rate, error ratio {ratio:.3f}"
            text += f" over {count:,} messages: retrain"
            told.append(Finding(Action.RETRAIN, "error", text, f"error ratio {ratio:.3f}", first, None))
    return told
