"""Trains a model from rates to a bundle: collect, evaluate, fit, export, report, write."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

import ratecast
from ratecast.errors import UsageError
from ratecast.model.bundle import CENTRE, ONNX, REPORT, set_current
from ratecast.model.shadow_pointer import set_shadow
from ratecast.rates.tables import DEFAULT_PAIR
from ratecast.stages import OnStage, silent
from training import evaluate, pooling
from training.build_stats import training_stats
from training.bundle_writer import BundleContent, write_bundle
from training.collect import collect, data_digest, load_table
from training.dataset import PairHistory, Rows, build_rows, pair_sigmas
from training.estimator_trial import try_estimators
from training.fit import MIN_FIT_ROWS, FittedModel, fit_model, learnable_rows
from training.further_results import further_results
from training.onnx_export import ExportedModel, export
from training.ranges_held import with_ranges_held
from training.reliability import reliability
from training.report import training_page
from training.report.training_headline import headline

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from ratecast.model.training_stats import TrainingStats
    from ratecast.rates.table_screening import Screened
    from ratecast.rates.tables import RateTable
    from training.coverage_interval import HeldShare
    from training.forests import ForestSettings
    from training.train_options import TrainOptions

TEST_SHARE = 0.2  # of the days


@dataclass(frozen=True)
class TrainingResult:
    """A written bundle, its evaluation, and what was left out of training.

    Attributes:
        directory: directory of the bundle.
        stats: statistics of the model.
        evaluation: results of a model trained the same way on earlier days.
        skipped: pair -> why it was left out.
        source: the rates, without those that were left out.
        not_pooled: pair -> why the common figures are fitted without it.
        notes: sentences on pairs that are not pooled and on figures that are missing.
        signed_with: id of the key that signed the bundle; None if it is not signed.
    """

    directory: Path
    stats: TrainingStats
    evaluation: evaluate.Evaluation
    skipped: dict[str, str]
    source: Screened
    not_pooled: dict[str, str]
    notes: tuple[str, ...]
    signed_with: str | None = None

    @property
    def version(self) -> str:
        """Version of the bundle, which is now the current one or the shadow model."""
        return self.stats.model_version

    @property
    def headline(self) -> str:
        """Whether the model beats the last rate, in words."""
        return self.stats.headline

    @property
    def report(self) -> Path:
        """Path of the HTML report."""
        return self.directory / REPORT


def train(options: TrainOptions, progress: OnStage = silent) -> TrainingResult:
    """Train, evaluate, and write a bundle that becomes the current one, or the shadow model if the options say so.

    Raises:
        UsageError: the requested rates do not exist or are too few, or a chosen estimator cannot be used.
        OperationError: the ONNX graph differs from the forest, or the bundle cannot be written.
    """
    source = load_table(options)
    try:
        histories, skipped = collect(options, source.table)
    except UsageError as error:
        raise UsageError(f"{error}{source.remark()}") from None
    default_pair = _default_pair(options, histories)
    until = max(history.stretches[-1].dates[-1] for history in histories)
    rows = build_rows(histories, pair_sigmas(histories))
    try_estimators(options.forest, rows)
    years = evaluate.walk_forward_years(histories, until.astype(object).year)
    # The unit is a year of the walk-forward: the test takes about two, the steps after it four.
    total = len(years) + 6
    evaluation = _evaluate(
        histories, rows, options.forest, years, lambda stage, done: progress(stage, done, total)
    )

    progress("fitting the final model", total - 4, total)
    fitted = fit_model(histories, until, options.forest)
    progress("exporting and checking the ONNX graph", total - 2, total)
    models = _exported(fitted, rows, options.forest.seed)

    progress("writing the report and the bundle", total - 1, total)
    notes = _notes(histories, rows, fitted, evaluation.years)
    all_notes = (*options.notes, *source.sentences(), *notes)
    origin = training_page.Origin(_origin(options, source.table), skipped, all_notes)
    digest = data_digest(histories)
    version = version_of(until, digest, options.forest, default_pair)
    text = headline(fitted.shrinkage.lambda_, fitted.range_factor.exponent, evaluation, options.forest)
    content = BundleContent(
        stats=with_ranges_held(
            training_stats(version, default_pair, histories, rows, fitted, text), evaluation
        ).model_copy(update=options.forest.chosen()),
        models=models,
        report=lambda stats: training_page.render(stats, evaluation, origin),
        data_digest=digest,
        split_dates=_split_dates(evaluation, fitted, until),
        seed=options.forest.seed,
        notes=all_notes,
    )
    put = set_shadow if options.as_shadow else set_current
    written = write_bundle(options.models_dir, content, dt.datetime.now(dt.UTC), put, options.signing_key)
    progress("done", total, total)
    not_pooled = {histories[position].pair: reason for position, reason in fitted.not_pooled.items()}
    signer = None if options.signing_key is None else options.signing_key.id
    return TrainingResult(
        written.directory, written.stats, evaluation, skipped, source, not_pooled, notes, signer
    )


def _exported(fitted: FittedModel, rows: Rows, seed: int) -> dict[str, ExportedModel]:
    """Returns the models that a worker runs, by the name of their graph's file."""
    models = {ONNX: export(fitted.range_forest, rows.range_inputs, seed)}
    if fitted.shrinkage.lambda_:
        models[CENTRE] = export(fitted.forest, rows.inputs, seed)
    return models


def _evaluate(
    histories: Sequence[PairHistory],
    rows: Rows,
    forest: ForestSettings,
    years: Sequence[int],
    progress: Callable[[str, int], None],
) -> evaluate.Evaluation:
    """Tests models trained the same way on the last fifth of the days, and on each year."""
    progress("testing on the last fifth of the days", 0)
    tested = _test(histories, rows, forest)
    walked: dict[int, evaluate.Outcomes] = {}
    for year in years:
        progress(f"testing a model of the years before {year}", 2 + len(walked))
        walked[year] = evaluate.walk_forward(histories, forest, year)
    return _evaluation(histories, tested, walked)


def _notes(
    histories: Sequence[PairHistory], rows: Rows, fitted: FittedModel, measured: Collection[int]
) -> tuple[str, ...]:
    """Returns sentences on pairs that are not pooled and on years without results."""
    last = max(history.stretches[-1].dates[-1] for history in histories).astype(object).year
    missing = evaluate.unmeasured_years(histories, last, measured)
    return (*pooling.sentences(histories, rows, fitted.not_pooled), *missing)


def _origin(options: TrainOptions, table: RateTable) -> str:
    """Returns the name of the rates for readers of the report, without directories."""
    shipped = options.csv is None and options.table is None
    return f"the ECB's reference rates ({table.source})" if shipped else re.split(r"[/\\]", table.source)[-1]


def _default_pair(options: TrainOptions, histories: Sequence[PairHistory]) -> str:
    names = [history.pair for history in histories]
    wanted = options.default_pair
    if wanted is None:
        return DEFAULT_PAIR if DEFAULT_PAIR in names else names[0]
    if wanted not in names:
        raise UsageError(f"the default pair {wanted} is not one of the pairs to train on: {', '.join(names)}")
    return wanted


def _test(
    histories: Sequence[PairHistory], rows: Rows, settings: ForestSettings
) -> tuple[FittedModel, np.datetime64, evaluate.Outcomes, tuple[HeldShare, ...]]:
    """Fits a model to the first four fifths of the days, and forecasts the last fifth."""
    days = np.unique(rows.date)
    cut = days[int((1 - TEST_SHARE) * len(days)) - 1]
    if (found := learnable_rows(histories, cut)) < MIN_FIT_ROWS:
        raise UsageError(
            f"{found} rows up to {cut}, before the test days, are too few to train on: {MIN_FIT_ROWS} are needed"
        )
    fitted = fit_model(histories, cut, settings, refit=False)
    outcomes = evaluate.outcomes_of(fitted, histories, cut + np.timedelta64(1, "D"), days[-1])
    if not len(outcomes.actual):
        raise UsageError(
            f"no pair has enough rates both up to {cut} and after it, so there is nothing to test on"
        )
    calibration = evaluate.calibration_outcomes(fitted, histories, days[0], cut)
    return fitted, cut, outcomes, reliability(calibration, outcomes)


def _evaluation(
    histories: Sequence[PairHistory],
    tested: tuple[FittedModel, np.datetime64, evaluate.Outcomes, tuple[HeldShare, ...]],
    years: dict[int, evaluate.Outcomes],
) -> evaluate.Evaluation:
    fitted, cut, outcomes, reliable = tested
    years = {year: found for year, found in years.items() if len(found.actual)}
    return evaluate.Evaluation(
        fitted_until=str(fitted.split),
        validated_until=str(cut),
        tested_until=str(outcomes.date.max()),
        lambda_=fitted.shrinkage.lambda_,
        exponent=fitted.range_factor.exponent,
        test=evaluate.measure(outcomes),
        pairs={
            histories[position].pair: evaluate.measure(outcomes.where(outcomes.pair == position))
            for position in np.unique(outcomes.pair)
        },
        walk_forward=evaluate.measure(evaluate.join(list(years.values()))) if years else None,
        years={year: evaluate.measure(found) for year, found in years.items()},
        outcomes=outcomes,
        further=further_results(fitted, histories, cut + np.timedelta64(1, "D"), outcomes.date.max()),
        reliability=reliable,
    )


def version_of(until: np.datetime64, digest: str, forest: ForestSettings, default_pair: str) -> str:
    """Returns the version of a model; the same inputs give the same version on any machine."""
    recipe = repr((digest, forest.recipe(), default_pair, ratecast.__version__))
    return f"{until}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"


def _split_dates(
    evaluation: evaluate.Evaluation, fitted: FittedModel, until: np.datetime64
) -> dict[str, str]:
    return {
        "test_fitted_until": evaluation.fitted_until,
        "test_validated_until": evaluation.validated_until,
        "tested_until": evaluation.tested_until,
        "fitted_until": str(fitted.split),
        "validated_until": str(until),
    }
