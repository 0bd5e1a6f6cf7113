"""What the page says about the model of a pair, from the bundle's statistics."""

from __future__ import annotations

import hashlib
import logging
import math
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ratecast.errors import ModelBundleError

if TYPE_CHECKING:
    from pathlib import Path

    from ratecast.model.signatures import TrustedKeys
    from ratecast.model.training_stats import TrainingStats

log = logging.getLogger(__name__)

_REMEMBERED = 8
_STANDARD_ERRORS = 3.0  # how far a share may be from its level before chance no longer explains it


class ModelCards:
    """Reads the statistics of models at their first use. A bundle never changes, so they are read once.

    Args:
        models_dir: directory of the bundles. It may be absent: then there are no cards.
        keys: keys of which one must have signed a bundle; None if signatures are not checked.
    """

    def __init__(self, models_dir: Path, keys: TrustedKeys | None = None) -> None:
        self._models_dir = models_dir
        self._keys = keys
        self._stats: dict[str, TrainingStats] = {}

    def card(self, version: str, pair: str) -> dict[str, Any] | None:
        """Return the card of a model as far as it concerns a pair; None if its bundle is not here or is damaged.

        Args:
            version: as a prediction names it. Anybody may have written that, so it must not lead out of the directory.
            pair: the pair.
        """
        stats = self._stats.get(version) or self._read(version)
        if stats is None:
            return None
        return {
            "version": stats.model_version,
            "trained_until": stats.trained_until,
            "headline": stats.headline,
            "verdicts": _verdicts(stats, pair),
        }

    def _read(self, version: str) -> TrainingStats | None:
        # At the first use, because these modules load the ONNX runtime, and the program starts faster without it.
        from ratecast.model import bundle, bundle_files
        from ratecast.model.training_stats import TrainingStats

        if not bundle.is_version(version):
            return None
        try:
            with bundle_files.opened(self._models_dir / version) as directory:
                content = directory.read(bundle.STATS, bundle.MOST_BYTES[bundle.STATS])
                if self._keys is not None:
                    manifest, _ = bundle.read_manifest(directory, version, self._keys)
                    if manifest.files.get(bundle.STATS) != hashlib.sha256(content).hexdigest():
                        return None
            stats = TrainingStats.model_validate_json(content)
        except (OSError, ValidationError, ModelBundleError) as error:
            log.debug("the model %s has no card: %s", version, error)
            return None
        if len(self._stats) >= _REMEMBERED:
            self._stats.pop(next(iter(self._stats)))
        self._stats[version] = stats
        return stats


def _verdicts(stats: TrainingStats, pair: str) -> list[dict[str, Any]]:
    """Return what the test of the training found, for this pair where it was measured by pair."""
    found = [_centre(stats)]
    of_pair = stats.pairs.get(pair)
    if of_pair is None:
        found.append({"name": "Pair", "words": f"The model was not trained on {pair}.", "ok": False})
    elif of_pair.ranges_held is not None:
        test = of_pair.ranges_held
        found += [
            _range(level, share, test.n, f"{test.first_date} to {test.last_date}")
            for level, share in sorted(test.shares.items())
        ]
    return found


def _centre(stats: TrainingStats) -> dict[str, Any]:
    uses_model = stats.shrinkage.lambda_ > 0
    words = (
        "On later years the forecast was better than the last rate, by more than chance explains."
        if uses_model
        else "No model beat the last rate on later years, so the forecast is the last rate."
    )
    # Both are right: a model that beats nothing is not used.
    return {"name": "Point forecast", "words": words, "ok": True}


def _range(level: str, share: float, n: int, days: str) -> dict[str, Any]:
    expected = float(level) / 100
    error = math.sqrt(expected * (1 - expected) / n)
    return {
        "name": f"{level} % range",
        "words": f"It held {share:.1%} of {n:,} rates of this pair that no fit had seen ({days}).",
        "ok": abs(share - expected) <= _STANDARD_ERRORS * error,
    }
