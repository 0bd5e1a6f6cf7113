"""The measures and findings of one pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.drift_report import measures
from training.drift_report.findings import LEVELS_END, RETURN, Action

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ratecast.model.references import FeatureReference
    from ratecast.model.training_stats import PairStats
    from training.drift_report.findings import Finding
    from training.drift_report.measures import Answers, RollingAccuracy, ScorePath
    from training.drift_report.prediction_table import PairMessages


@dataclass(frozen=True)
class PairReport:
    """Measures and findings of a pair."""

    messages: PairMessages
    stats: PairStats
    references: dict[str, FeatureReference]
    level_bounds: tuple[float, float]  # lowest and highest rate without drift by the classic rule
    kept: NDArray[np.bool_]  # (n,), messages whose features can be trusted
    drifted: NDArray[np.bool_]  # (n, 5), result of the classic rule
    paths: list[ScorePath]
    answers: Answers
    rolling: RollingAccuracy
    findings: list[Finding]  # the most urgent first

    @property
    def pair(self) -> str:
        """Name of the pair."""
        return self.messages.pair

    @property
    def action(self) -> Action:
        """The most urgent action."""
        return self.findings[0].action if self.findings else Action.NOTHING

    @property
    def goes_on(self) -> bool:
        """Whether the most urgent finding is ongoing."""
        return bool(self.findings) and self.findings[0].last is None

    @property
    def verdict(self) -> str:
        """Text of the most urgent finding."""
        return self.findings[0].text if self.findings else "nothing to do"

    @property
    def alerts(self) -> dict[str, tuple[int, int, int]]:
        """Code -> number of messages that carry it, row of the first and of the last."""
        rows: dict[str, list[int]] = {}
        for row, found in self.messages.alerts.items():
            for code in found:
                rows.setdefault(code, []).append(row)
        return {code: (len(found), min(found), max(found)) for code, found in sorted(rows.items())}

    @property
    def levels_out(self) -> float:
        """Share of messages with a rate outside training by the classic rule."""
        return float(self.drifted[:, :LEVELS_END].any(axis=1).mean())

    @property
    def returns_out(self) -> float:
        """Share of messages with a return outside training by the classic rule."""
        return float(self.drifted[:, RETURN:].any(axis=1).mean())

    @property
    def worst_path(self) -> ScorePath | None:
        """Drift scores of the feature that is closest to its threshold or farthest above it, by the test that decides."""
        paths = [path for path in self.paths if len(path) and path.test == measures.DECISIVE_TEST]
        return max(paths, key=lambda path: path.scores[-1] / path.thresholds[-1], default=None)
