"""Whether the market of a pair is what it was in training. Nobody's fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.contract.alerts import Alert
from ratecast.model.references import WINDOW_MESSAGES
from training.drift_report.episodes import episodes
from training.drift_report.findings import RETURN, Action, Finding, in_words, times

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ratecast.model.training_stats import PairStats
    from training.drift_report.episodes import Episode
    from training.drift_report.measures import ScorePath
    from training.drift_report.tape import PairMessages

REGIME_MESSAGES = 5  # one or two alerts are the tail of a clean market
CHANGED_SPREAD = 1.15  # of the standard deviation: below it, another shape


def changes(
    messages: PairMessages,
    kept: NDArray[np.bool_],
    stats: PairStats,
    paths: Iterable[ScorePath],
) -> list[Finding]:
    """A market that is not what it was in training; arguments as of `old_level`, ``stats`` of the pair there."""
    told = []
    over = [path for path in paths if path.tells]
    if over:
        worst = max(over, key=lambda path: path.scores[-1] / path.thresholds[-1])
        rows = np.flatnonzero(kept)[-WINDOW_MESSAGES:]
        spread = float(messages.features[rows, RETURN].std()) / max(stats.features["return_1"].std, 1e-300)
        if not 1 / CHANGED_SPREAD < spread < CHANGED_SPREAD:
            change = "wilder" if spread > 1 else "calmer"
            change = f"the market got {change}: returns of {messages.pair} spread {spread:.2g} times as far as in training"
        else:
            change = (
                f"the market changed: returns of {messages.pair} are distributed otherwise than in training"
            )
        under = np.flatnonzero(worst.scores <= worst.thresholds)
        begun = int(worst.rows[under[-1] + 1] if len(under) else worst.rows[0])
        score = f"{worst.test.upper()} {worst.scores[-1]:.3g}, threshold {worst.thresholds[-1]:.3g}"
        text = f"{change} ({score}); ranges follow by themselves, retrain if it lasts"
        brief = f"returns spread {spread:.2g} times as far"
        told.append(
            Finding(
                Action.MARKET,
                "returns_changed",
                text,
                brief,
                messages.day(begun),
                None,
                ((begun, len(messages) - 1),),
            )
        )
    wild = [
        episode
        for episode in episodes(messages, ~messages.marked() & messages.carrying(Alert.VOLATILITY_REGIME))
        if episode.marked >= REGIME_MESSAGES
    ]
    if wild:
        told.append(_wild(messages, wild))
    return told


def _wild(messages: PairMessages, same: list[Episode]) -> Finding:
    ends = None if same[-1].ongoing else messages.day(same[-1].last)
    days = in_words(messages.day(same[0].first), ends, messages.day(same[-1].last))
    detail = same[0].words.partition(": ")[2] or "returns far beyond training's"
    return Finding(
        Action.MARKET,
        Alert.VOLATILITY_REGIME,
        f"the market got wilder: {messages.pair}, {detail}, {times(same)}{days}; ranges follow by themselves",
        f"wild {times(same)}{days}",
        messages.day(same[0].first),
        ends,
        tuple((episode.first, episode.last) for episode in same),
    )
