"""Finds changes of the market since training. They are no faults and need no action."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.alerts import Alert
from ratecast.model.references import WINDOW_MESSAGES
from training.drift_report.episodes import episodes
from training.drift_report.findings import RETURN, Action, Finding, period, times

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ratecast.model.training_stats import PairStats
    from training.drift_report.episodes import Episode
    from training.drift_report.measures import ScorePath
    from training.drift_report.prediction_table import PairMessages

REGIME_MESSAGES = 5  # one or two alerts also happen in a normal market
CHANGED_SPREAD = 1.15  # ratio of standard deviations: below it only the shape of the distribution has changed


def changes(
    messages: PairMessages,
    kept: NDArray[np.bool_],
    stats: PairStats,
    paths: Iterable[ScorePath],
) -> list[Finding]:
    """Returns how the market differs from training.

    Args:
        messages: messages of the pair.
        kept: messages whose features can be trusted, ``(n,)``.
        stats: training statistics of the pair.
        paths: drift scores of its returns.
    """
    found = []
    over = [path for path in paths if path.shows_change]
    if over:
        worst = max(over, key=lambda path: path.scores[-1] / path.thresholds[-1])
        found.append(_changed_returns(messages, kept, stats, worst))
    marked = ~messages.marked() & messages.carrying(Alert.VOLATILITY_REGIME)
    volatile = [episode for episode in episodes(messages, marked) if episode.marked >= REGIME_MESSAGES]
    if volatile:
        found.append(_volatile(messages, volatile))
    return found


def _changed_returns(
    messages: PairMessages, kept: NDArray[np.bool_], stats: PairStats, path: ScorePath
) -> Finding:
    """Returns are distributed differently from training, and still are."""
    rows = np.flatnonzero(kept)[-WINDOW_MESSAGES:]
    spread = float(messages.features[rows, RETURN].std()) / max(stats.features["return_1"].std, 1e-300)
    if not 1 / CHANGED_SPREAD < spread < CHANGED_SPREAD:
        change = "more volatile" if spread > 1 else "calmer"
        change = f"the market of {messages.pair} is {change}: returns vary {spread:.2g} times as much as in training"
    else:
        change = (
            f"the market of {messages.pair} has changed: returns are distributed differently from training"
        )
    under = np.flatnonzero(path.scores <= path.thresholds)
    begun = int(path.rows[under[-1] + 1] if len(under) else path.rows[0])
    score = f"{path.test.upper()} {path.scores[-1]:.3g}, threshold {path.thresholds[-1]:.3g}"
    return Finding(
        action=Action.MARKET,
        code="returns_changed",
        text=f"{change} ({score}); the ranges adapt by themselves, retrain if it lasts",
        brief=f"returns vary {spread:.2g} times as much",
        first=messages.day(begun),
        last=None,
        spans=((begun, len(messages) - 1),),
    )


def _volatile(messages: PairMessages, volatile: list[Episode]) -> Finding:
    """Returns were much larger than in training for a while."""
    ends = None if volatile[-1].ongoing else messages.day(volatile[-1].last)
    days = period(messages.day(volatile[0].first), ends, messages.day(volatile[-1].last))
    detail = volatile[0].words.partition(": ")[2] or "returns are much larger than in training"
    return Finding(
        action=Action.MARKET,
        code=Alert.VOLATILITY_REGIME,
        text=f"the market of {messages.pair} was more volatile: {detail}, {times(volatile)}{days}; "
        "the ranges adapt by themselves",
        brief=f"volatile {times(volatile)}{days}",
        first=messages.day(volatile[0].first),
        last=ends,
        spans=tuple((episode.first, episode.last) for episode in volatile),
    )
