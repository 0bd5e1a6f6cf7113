"""Replaces the current model (champion) by a new one (challenger) only if the new one is not worse on held-back days.

The newest days are held back. The challenger is trained on the days before them, as ``ratecast train`` does it. Both
models forecast the same held-back rates. If the challenger is not worse, a model trained the same way on all days
becomes the current one: the comparison has tested the training, and newer days can only improve its result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ratecast.errors import OperationError
from ratecast.model.bundle import current_version
from ratecast.stages import OnStage, silent
from training.collect import collect, data_digest
from training.dataset import build_rows, pair_sigmas
from training.estimator_trial import try_estimators
from training.forests import ForestSettings
from training.model_comparison import Comparison, Limits, compare
from training.train import TrainingResult, train, version_of
from training.train_options import TrainOptions

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ratecast.model.bundle import Bundle
    from ratecast.model.signing_key import SigningKey
    from ratecast.rates.tables import RateTable
    from training.dataset import PairHistory

_STAGES = 3  # of the comparison, before the training on all days
_TRAIN_STAGES = 16


@dataclass(frozen=True)
class RetrainOptions:
    """What to retrain on, and when to accept the result.

    Attributes:
        models_dir: directory of all bundles.
        table: all rates, one column for each pair.
        more_pairs: pairs to train in addition to those of the champion.
        limits: the days held back, and how much worse the challenger may be.
        forest: seed and size of the forest.
        dry_run: compare only.
        shadow: make the new model the shadow model, whatever the comparison says: a shadow model publishes nothing.
        notes: sentences on ``table`` for the report and the manifest.
        signing_key: signs the new bundle; None leaves it unsigned.
    """

    models_dir: Path
    table: RateTable
    more_pairs: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    forest: ForestSettings = field(default_factory=ForestSettings)
    dry_run: bool = False
    shadow: bool = False
    notes: tuple[str, ...] = ()
    signing_key: SigningKey | None = None


@dataclass(frozen=True)
class RetrainResult:
    """Result of a retraining.

    Attributes:
        champion: version of the current model before it.
        comparison: the comparison; None if the champion was trained on exactly these rates.
        promoted: the new current bundle; None if the current model did not change.
        shadow: the new shadow model; None if there is no new one.
    """

    champion: str
    comparison: Comparison | None
    promoted: TrainingResult | None
    shadow: TrainingResult | None = None


def retrain(champion: Bundle, options: RetrainOptions, progress: OnStage = silent) -> RetrainResult:
    """Compare a challenger with the champion, and promote it if it is not worse, or make it the shadow model.

    Raises:
        UsageError: there are too few rates, either of a pair of the champion or to hold some back.
        OperationError: the bundle cannot be written, or the current model changed in the meantime.
    """
    training = TrainOptions(
        models_dir=options.models_dir,
        table=options.table,
        pairs=tuple(dict.fromkeys((*champion.stats.pairs, *options.more_pairs))),
        default_pair=champion.stats.default_pair,
        forest=options.forest,
        notes=options.notes,
        as_shadow=options.shadow,
        signing_key=options.signing_key,
    )
    histories, _ = collect(training, options.table)
    if _is_made_from(champion, histories, options.forest):
        return RetrainResult(champion.version, None, None)
    if any(options.forest.chosen().values()):  # before the comparison, which takes as long as a training
        try_estimators(options.forest, build_rows(histories, pair_sigmas(histories)))
    total = _STAGES + _TRAIN_STAGES
    progress("training the challenger", 0, total)
    comparison = compare(champion, histories, options.forest, options.limits)
    if options.dry_run or (comparison.objections and not options.shadow):
        progress("compared", total, total)
        return RetrainResult(champion.version, comparison, None)
    if (now := current_version(options.models_dir)) != champion.version:
        raise OperationError(
            f"the current model changed to {now} in the meantime, so nothing was changed; run it again"
        )
    trained = train(training, lambda stage, done, of: progress(stage, _STAGES + done, _STAGES + of))
    if options.shadow:
        return RetrainResult(champion.version, comparison, None, trained)
    return RetrainResult(champion.version, comparison, trained)


def _is_made_from(champion: Bundle, histories: Sequence[PairHistory], forest: ForestSettings) -> bool:
    until = max(history.stretches[-1].dates[-1] for history in histories)
    version = version_of(until, data_digest(histories), forest, champion.stats.default_pair)
    return re.sub(r"\.\d+$", "", champion.version) == version
