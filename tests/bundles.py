"""A small real bundle for tests: forests of a few trees on invented numbers, exported and digested."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.ensemble import RandomForestRegressor

from ratecast.model.bundle import CENTRE, MANIFEST, ONNX, PARITY, STATS, Manifest, set_current, sha256
from ratecast.model.features import FEATURE_NAMES
from ratecast.model.parity import Probes, Proof, make_probes
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.ranges import LEVELS as WIDTHS
from ratecast.model.references import PairLimits, QualityLimits
from ratecast.model.training_stats import FeatureStats, PairStats, TrainingStats
from ratecast.optional_fields import HORIZONS
from training.onnx_export import export_onnx

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SIGMA = 0.005
LEVELS = {"EUR/GBP": 0.85, "EUR/USD": 1.1, "EUR/JPY": 160.0, "EUR/CHF": 0.95}
QUANTILES = {"80": {3: 1.6, 21: 1.3, 61: 1.25}, "95": {3: 2.5, 21: 2.2, 61: 2.1}}
HORIZON_QUANTILES = {
    steps: {
        level: {length: q * steps**0.5 for length, q in table.items()} for level, table in QUANTILES.items()
    }
    for steps in HORIZONS
}
CENTRAL_QUANTILES = {
    level: {length: share * q for length, q in QUANTILES["95"].items()}
    for level, share in (("50", 0.4), ("90", 0.8), ("98", 1.3))
}


def training_stats(version: str = "test-1", shrinkage: float = 0.0, exponent: float = 1.0) -> TrainingStats:
    """Statistics of four invented pairs."""
    return TrainingStats(
        model_version=version,
        trained_until="2024-12-31",
        default_pair="EUR/GBP",
        shrinkage={"lambda": shrinkage, "t_statistic": 0.0, "gate": 3.0},
        range_factor={"exponent": exponent, "t_statistic": 5.0, "gate": 3.0},
        intervals=QUANTILES,
        horizons=HORIZON_QUANTILES,
        central_ranges=CENTRAL_QUANTILES,
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
    """A forest for ranges fitted on noise, as a graph, and its answers: two factors around 1 for each row."""
    generator = np.random.default_rng(seed)
    inputs = generator.standard_normal((400, len(RANGE_INPUT_NAMES)))
    return _exported(inputs, np.exp(0.2 * generator.standard_normal((400, len(WIDTHS)))), seed)


def centre_on_noise(seed: int = 0) -> tuple[bytes, Probes]:
    """A forest for the return fitted on noise, as a graph, and its answers."""
    generator = np.random.default_rng(seed)
    return _exported(generator.standard_normal((400, 3)), generator.standard_normal(400), seed)


def _exported(inputs: NDArray[np.float64], target: NDArray[np.float64], seed: int) -> tuple[bytes, Probes]:
    X = inputs.astype(np.float32)
    forest = RandomForestRegressor(n_estimators=7, max_depth=4, random_state=seed).fit(X, target)
    return export_onnx(forest, X.shape[1]), make_probes(forest, X, seed)


def write_bundle(
    models_dir: Path,
    version: str = "test-1",
    shrinkage: float = 0.0,
    *,
    seed: int = 0,
    exponent: float = 1.0,
    make_current: bool = True,
) -> Path:
    """Write a bundle that `ratecast.model.bundle.load` accepts, and make it the current one."""
    directory = models_dir / version
    directory.mkdir(parents=True, exist_ok=True)
    onnx, probes = forest_on_noise(seed)
    proof = Proof(range=probes)
    (directory / ONNX).write_bytes(onnx)
    if shrinkage:
        centre, of_centre = centre_on_noise(seed)
        (directory / CENTRE).write_bytes(centre)
        proof = Proof(range=probes, centre=of_centre)
    stats = training_stats(version, shrinkage, exponent)
    (directory / STATS).write_text(stats.model_dump_json(by_alias=True))
    (directory / PARITY).write_text(proof.model_dump_json())
    write_manifest(directory, version)
    if make_current:
        set_current(models_dir, version)
    return directory


def write_manifest(directory: Path, version: str) -> None:
    """Digests of the files as they are."""
    names = [name for name in (STATS, ONNX, CENTRE, PARITY) if (directory / name).exists()]
    manifest = Manifest(
        model_version=version,
        created_at="2025-01-01T00:00:00+00:00",
        files={name: sha256(directory / name) for name in names},
        libraries={},
        data_digest="",
        split_dates={},
        seed=0,
    )
    (directory / MANIFEST).write_text(manifest.model_dump_json())
