"""``ratecast train`` from rates to a bundle: collect, evaluate, fit, export, report, write."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np

import ratecast
from ratecast.errors import UsageError
from ratecast.model.bundle import REPORT
from ratecast.model.parity import make_probes
from ratecast.rates.tables import DEFAULT_PAIR
from ratecast.stages import OnStage, silent
from training import evaluate, pooling, report
from training.bundle_writer import BundleContent, write_bundle
from training.collect import collect, data_digest, load_table
from training.dataset import PairHistory, Rows, build_rows, pair_sigmas
from training.fit import MIN_FIT_ROWS, FittedModel, ForestSettings, fit_model, learnable_rows
from training.headline import headline
from training.onnx_export import check_parity, export_onnx
from training.statistics import training_stats

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from ratecast.model.training_stats import TrainingStats
    from ratecast.rates.table_screening import Screened
    from training.train_options import TrainOptions

TEST_SHARE = 0.2  # of the days


@dataclass(frozen=True)
class TrainingResult:
    """A written bundle, how good it is, and what it was not learnt from.

    Attributes:
        directory: of the bundle.
        stats: of the model.
        evaluation: of the same recipe on earlier days.
        skipped: pair -> why it was left out.
        source: the rates, without those that were left out.
        not_pooled: pair -> why the others' common figures are learnt without it.
        notes: that in sentences, and what could not be measured; without what is said of the rates.
    """

    directory: Path
    stats: TrainingStats
    evaluation: evaluate.Evaluation
    skipped: dict[str, str]
    source: Screened
    not_pooled: dict[str, str]
    notes: tuple[str, ...]

    @property
    def version(self) -> str:
        """The bundle's version, now the current one."""
        return self.stats.model_version

    @property
    def headline(self) -> str:
        """Whether it beats the last rate, in plain words."""
        return self.stats.headline

    @property
    def report(self) -> Path:
        """The page with pictures."""
        return self.directory / REPORT


def train(options: TrainOptions, progress: OnStage = silent) -> TrainingResult:
    """Train, evaluate, and write a bundle that becomes the current one.

    Raises:
        UsageError: the rates asked for do not exist or are too few.
        OperationError: the ONNX graph is not faithful, or the bundle cannot be written.
    """
    source = load_table(options)
    try:
        histories, skipped = collect(options, source.table)
    except UsageError as error:
        raise UsageError(f"{error}{source.remark()}") from None
    default_pair = _default_pair(options, histories)
    until = max(history.stretches[-1].dates[-1] for history in histories)
    rows = build_rows(histories, pair_sigmas(histories))
    years = evaluate.walk_forward_years(histories, until.astype(object).year)
    total = len(years) + 6  # in years of walk-forward: the test fit takes about two, the rest four

    progress("testing on the last fifth of the days", 0, total)
    tested = _test(histories, rows, options.forest)
    walked: dict[int, evaluate.Outcomes] = {}
    for year in years:
        progress(f"walking forward: {year}", 2 + len(walked), total)
        walked[year] = evaluate.walk_forward(histories, options.forest, year)
    evaluation = _evaluation(histories, tested, walked)

    progress("fitting the model that serves", total - 4, total)
    fitted = fit_model(histories, until, options.forest)
    progress("exporting and checking the ONNX graph", total - 2, total)
    onnx = export_onnx(fitted.forest)
    check_parity(onnx, fitted.forest, rows.inputs, options.forest.seed)

    progress("drawing the report and writing the bundle", total - 1, total)
    digest = data_digest(histories)
    version = version_of(until, digest, options.forest, default_pair)
    text = headline(fitted.shrinkage.lambda_, evaluation.test)
    stats = training_stats(version, default_pair, histories, rows, fitted, text)
    said = _notes(histories, rows, fitted, evaluation.years)
    everything = (*options.notes, *source.sentences(), *said)
    content = BundleContent(
        stats=stats,
        forest=fitted.forest,
        onnx=onnx,
        probes=make_probes(fitted.forest, rows.inputs, options.forest.seed),
        report=lambda named: report.render(named, evaluation, skipped, everything),
        data_digest=digest,
        split_dates=_split_dates(evaluation, fitted, until),
        seed=options.forest.seed,
        notes=everything,
    )
    written = write_bundle(options.models_dir, content, dt.datetime.now(dt.UTC))
    progress("done", total, total)
    not_pooled = {histories[position].pair: reason for position, reason in fitted.not_pooled.items()}
    return TrainingResult(written.directory, written.stats, evaluation, skipped, source, not_pooled, said)


def _notes(
    histories: Sequence[PairHistory], rows: Rows, fitted: FittedModel, measured: Collection[int]
) -> tuple[str, ...]:
    """Which pairs are not pooled and which years could not be measured, in sentences."""
    last = max(history.stretches[-1].dates[-1] for history in histories).astype(object).year
    missing = evaluate.unmeasured_years(histories, last, measured)
    return (*pooling.sentences(histories, rows, fitted.not_pooled), *missing)


def _default_pair(options: TrainOptions, histories: Sequence[PairHistory]) -> str:
    names = [history.pair for history in histories]
    wanted = options.default_pair
    if wanted is None:
        return DEFAULT_PAIR if DEFAULT_PAIR in names else names[0]
    if wanted not in names:
        raise UsageError(f"default pair {wanted} is not among the pairs to train on: {', '.join(names)}")
    return wanted


def _test(
    histories: Sequence[PairHistory], rows: Rows, settings: ForestSettings
) -> tuple[FittedModel, np.datetime64, evaluate.Outcomes]:
    """The whole fit on the first four fifths of the days, and its forecasts of the last fifth."""
    days = np.unique(rows.date)
    cut = days[int((1 - TEST_SHARE) * len(days)) - 1]
    if (found := learnable_rows(histories, cut)) < MIN_FIT_ROWS:
        raise UsageError(
            f"{found} rows until {cut}, before the test days, are too few to learn from: {MIN_FIT_ROWS} are needed"
        )
    fitted = fit_model(histories, cut, settings, refit=False)
    outcomes = evaluate.outcomes_of(fitted, histories, cut + np.timedelta64(1, "D"), days[-1])
    if not len(outcomes.actual):
        raise UsageError(f"no pair has enough rates both until {cut} and after it: nothing to test on")
    return fitted, cut, outcomes


def _evaluation(
    histories: Sequence[PairHistory],
    tested: tuple[FittedModel, np.datetime64, evaluate.Outcomes],
    years: dict[int, evaluate.Outcomes],
) -> evaluate.Evaluation:
    fitted, cut, outcomes = tested
    years = {year: found for year, found in years.items() if len(found.actual)}
    return evaluate.Evaluation(
        fitted_until=str(fitted.split),
        validated_until=str(cut),
        tested_until=str(outcomes.date.max()),
        lambda_=fitted.shrinkage.lambda_,
        test=evaluate.measure(outcomes),
        pairs={
            histories[position].pair: evaluate.measure(outcomes.where(outcomes.pair == position))
            for position in np.unique(outcomes.pair)
        },
        walk_forward=evaluate.measure(evaluate.join(list(years.values()))) if years else None,
        years={year: evaluate.measure(found) for year, found in years.items()},
        outcomes=outcomes,
    )


def version_of(until: np.datetime64, digest: str, forest: ForestSettings, default_pair: str) -> str:
    """Whatever the forecasts depend on: the same inputs give the same version, on any machine."""
    recipe = repr((digest, astuple(forest), default_pair, ratecast.__version__))
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
