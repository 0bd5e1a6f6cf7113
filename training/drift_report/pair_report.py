"""What was found of one pair."""

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
    from training.drift_report.tape import PairMessages


@dataclass(frozen=True)
class PairReport:
    """What was found of a pair."""

    messages: PairMessages
    stats: PairStats
    references: dict[str, FeatureReference]
    level_bounds: tuple[float, float]  # of a rate, by the classic rule
    kept: NDArray[np.bool_]  # (n,), messages whose features are to be believed
    drifted: NDArray[np.bool_]  # (n, 5), by the classic rule
    paths: list[ScorePath]
    answers: Answers
    rolling: RollingAccuracy
    findings: list[Finding]  # the most urgent first

    @property
    def pair(self) -> str:
        """Its name."""
        return self.messages.pair

    @property
    def action(self) -> Action:
        """What to do first."""
        return self.findings[0].action if self.findings else Action.NOTHING

    @property
    def goes_on(self) -> bool:
        """Whether the newest message still shows what the verdict is about."""
        return bool(self.findings) and self.findings[0].last is None

    @property
    def verdict(self) -> str:
        """The same in words."""
        return self.findings[0].text if self.findings else "nothing to do"

    @property
    def alerts(self) -> dict[str, tuple[int, int, int]]:
        """Code -> messages that carry it, row of the first and of the last."""
        rows: dict[str, list[int]] = {}
        for row, found in self.messages.alerts.items():
            for code in found:
                rows.setdefault(code, []).append(row)
        return {code: (len(own), min(own), max(own)) for code, own in sorted(rows.items())}

    @property
    def levels_out(self) -> float:
        """Share of all messages of which a level drifted by the classic rule."""
        return float(self.drifted[:, :LEVELS_END].any(axis=1).mean())

    @property
    def returns_out(self) -> float:
        """The same of returns."""
        return float(self.drifted[:, RETURN:].any(axis=1).mean())

    @property
    def worst_path(self) -> ScorePath | None:
        """The feature whose newest score is highest over its threshold, by the test that verdicts go by."""
        told = [path for path in self.paths if len(path) and path.test == measures.JUDGED_BY]
        return max(told, key=lambda path: path.scores[-1] / path.thresholds[-1], default=None)
