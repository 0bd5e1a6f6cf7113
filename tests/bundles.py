"""A small real bundle for tests: a forest of a few trees on invented numbers, exported and digested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestRegressor

from ratecast.model.bundle import MANIFEST, ONNX, PARITY, STATS, Manifest, set_current, sha256
from ratecast.model.features import FEATURE_NAMES
from ratecast.model.parity import Probes, make_probes
from ratecast.model.references import PairLimits, QualityLimits
from ratecast.model.training_stats import FeatureStats, PairStats, TrainingStats

if TYPE_CHECKING:
    from pathlib import Path

SIGMA = 0.005
LEVELS = {"EUR/GBP": 0.85, "EUR/USD": 1.1, "EUR/JPY": 160.0, "EUR/CHF": 0.95}
QUANTILES = {"80": {3: 1.6, 21: 1.3, 61: 1.25}, "95": {3: 2.5, 21: 2.2, 61: 2.1}}


def training_stats(version: str = "test-1", shrinkage: float = 0.0) -> TrainingStats:
    """Statistics of four invented pairs."""
    return TrainingStats(
        model_version=version,
        trained_until="2024-12-31",
        default_pair="EUR/GBP",
        shrinkage={"lambda": shrinkage, "t_statistic": 0.0, "gate": 3.0},
        range_factor={"exponent": 1.0, "t_statistic": 5.0, "gate": 3.0},
        intervals=QUANTILES,
        quality=quality_limits(),
        headline="invented for tests",
        pairs={pair: _pair_stats(level) for pair, level in LEVELS.items()},
    )


def quality_limits() -> QualityLimits:
    """Limits of the same four pairs, as tight as those of a real bundle."""
    own = PairLimits(equal_rates=4, gap_days=5, span_days=34, cone_sigmas=5.0)
    return QualityLimits(jump_sigmas=7.5, level_step=0.25, regime_ratio=2.6, pairs=dict.fromkeys(LEVELS, own))


def _pair_stats(level: float) -> PairStats:
    lag = FeatureStats(min=0.7 * level, max=1.3 * level, mean=level, std=0.1 * level)
    step = FeatureStats(min=-6 * SIGMA, max=6 * SIGMA, mean=0.0, std=SIGMA)
    features = {name: lag if name.startswith("lag") else step for name in FEATURE_NAMES}
    return PairStats(
        n=5000,
        first_date="2000-01-03",
        last_date="2024-12-31",
        last_rate=level,
        sigma=SIGMA,
        recent_sigma=SIGMA,
        longest_run=3,
        features=features,
    )


def forest_on_noise(seed: int = 0) -> tuple[bytes, Probes]:
    """A forest fitted on noise, as a graph, and what it answers."""
    generator = np.random.default_rng(seed)
    X = generator.standard_normal((400, 3)).astype(np.float32)
    forest = RandomForestRegressor(n_estimators=7, max_depth=4, random_state=seed)
    forest.fit(X, generator.standard_normal(400))
    graph = to_onnx(forest, X[:1], target_opset={"": 18, "ai.onnx.ml": 3})
    return bytes(graph.SerializeToString()), make_probes(forest, X, seed)


def write_bundle(
    models_dir: Path,
    version: str = "test-1",
    shrinkage: float = 0.0,
    *,
    seed: int = 0,
    make_current: bool = True,
) -> Path:
    """Write a bundle that `ratecast.model.bundle.load` accepts, and make it the current one."""
    directory = models_dir / version
    directory.mkdir(parents=True, exist_ok=True)
    onnx, probes = forest_on_noise(seed)
    stats = training_stats(version, shrinkage)
    (directory / STATS).write_text(stats.model_dump_json(by_alias=True))
    (directory / ONNX).write_bytes(onnx)
    (directory / PARITY).write_text(probes.model_dump_json())
    write_manifest(directory, version)
    if make_current:
        set_current(models_dir, version)
    return directory


def write_manifest(directory: Path, version: str) -> None:
    """Digests of the files as they are."""
    manifest = Manifest(
        model_version=version,
        created_at="2025-01-01T00:00:00+00:00",
        files={name: sha256(directory / name) for name in (STATS, ONNX, PARITY)},
        libraries={},
        data_digest="",
        split_dates={},
        seed=0,
    )
    (directory / MANIFEST).write_text(manifest.model_dump_json())
