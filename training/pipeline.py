"""``ratecast train`` from rates to a bundle: collect, evaluate, fit, export, report, write."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import astuple, dataclass, field
from typing import TYPE_CHECKING

import numpy as np

import ratecast
from ratecast import model, rates
from ratecast.errors import UsageError
from training import evaluate, report
from training.bundle import BundleContent, write_bundle
from training.dataset import PairHistory, Rows, build_rows, pair_sigmas
from training.fit import FittedModel, ForestSettings, fit_model
from training.headline import headline
from training.onnx_export import check_parity, export_onnx
from training.progress import Progress, silent
from training.statistics import pair_stats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MIN_RATES = 100  # in one stretch: 61 to fill a window and a few dozen to learn from
MIN_ROWS = 200  # of all pairs together: fewer leave no 19 scores for a 95 % range after both splits
TEST_SHARE = 0.2  # of the days


@dataclass(frozen=True)
class TrainOptions:
    """What to train on and where to put it.

    Attributes:
        models_dir: where bundles are kept.
        until: last day to learn from; the newest there is when None.
        pairs: which pairs; when empty, a CSV's own columns or ``rates.DEFAULT_PAIRS``.
        csv: a user's rates instead of the ECB's.
        default_pair: of messages that name none; ``rates.DEFAULT_PAIR`` if trained, else the first pair.
        forest: seed and size.
    """

    models_dir: Path
    until: dt.date | None = None
    pairs: tuple[str, ...] = ()
    csv: Path | None = None
    default_pair: str | None = None
    forest: ForestSettings = field(default_factory=ForestSettings)


@dataclass(frozen=True)
class TrainingResult:
    """A written bundle and how good it is."""

    version: str
    directory: Path
    report: Path
    headline: str
    evaluation: evaluate.Evaluation
    stats: model.TrainingStats
    skipped: dict[str, str]  # pair -> why it was left out


def train(options: TrainOptions, progress: Progress = silent) -> TrainingResult:
    """Train, evaluate, and write a bundle that becomes the current one.

    Raises:
        UsageError: the rates asked for do not exist or are too few.
        OperationError: the ONNX graph is not faithful, or the bundle cannot be written.
    """
    progress("reading rates", 0, 1)
    histories, skipped = collect(options)
    sigmas = pair_sigmas(histories)
    rows = build_rows(histories, sigmas)
    if len(rows) < MIN_ROWS:
        raise UsageError(f"{len(rows)} rows to learn from are too few: at least {MIN_ROWS} are needed")
    default_pair = _default_pair(options, histories)
    years = evaluate.walk_forward_years(rows.date)
    total = len(years) + 6  # a year of walk-forward is the unit; the test fit takes about two, the last four

    progress("testing on the last fifth of the days", 0, total)
    tested = _test(histories, rows, options.forest)
    outcomes = {}
    for year, found in evaluate.walk_forward(histories, options.forest, years):
        outcomes[year] = found
        progress(f"walking forward: {year}", 2 + len(outcomes), total)
    names = [history.pair for history in histories]
    evaluation = _evaluation(names, tested, outcomes)

    progress("fitting the model that serves", total - 4, total)
    until = max(history.stretches[-1].dates[-1] for history in histories)
    fitted = fit_model(histories, until, options.forest)
    progress("exporting and checking the ONNX graph", total - 1, total)
    onnx = export_onnx(fitted.forest)
    check_parity(onnx, fitted.forest, rows.inputs, options.forest.seed)

    digest = data_digest(histories)
    stats = _training_stats(options, histories, rows, fitted, digest, default_pair, evaluation)
    progress("drawing the report", total - 1, total)
    page = report.render(stats, evaluation, skipped)
    splits = {
        "test_fitted_until": evaluation.fitted_until,
        "test_validated_until": evaluation.validated_until,
        "tested_until": evaluation.tested_until,
        "fitted_until": str(fitted.split),
        "validated_until": str(until),
    }
    content = BundleContent(stats, fitted.forest, onnx, page, digest, splits, options.forest.seed)
    directory = write_bundle(options.models_dir, content, dt.datetime.now(dt.UTC))
    progress("done", total, total)
    return TrainingResult(
        stats.model_version, directory, directory / model.REPORT, stats.headline, evaluation, stats, skipped
    )


def collect(options: TrainOptions) -> tuple[list[PairHistory], dict[str, str]]:
    """The pairs to train on, cut at ``until``, and those left out with the reason.

    Raises:
        UsageError: a pair that was asked for by name has to be left out, or none is left.
    """
    table = rates.load_ecb() if options.csv is None else rates.load_csv(options.csv)
    chosen = options.pairs or (rates.DEFAULT_PAIRS if options.csv is None else tuple(table.columns))
    histories: list[PairHistory] = []
    skipped: dict[str, str] = {}
    for pair in dict.fromkeys(chosen):
        history = PairHistory(pair, tuple(rates.series(table, pair, end=options.until)))
        fault = _fault(history)
        if fault is None:
            histories.append(history)
        elif options.pairs:
            raise UsageError(f"{pair} in {table.source}: {fault}{_until(options.until)}")
        else:
            skipped[pair] = fault
    if not histories:
        reasons = "; ".join(f"{pair}: {fault}" for pair, fault in list(skipped.items())[:3])
        raise UsageError(f"{table.source} has nothing to train on{_until(options.until)}: {reasons}")
    return histories, skipped


def data_digest(histories: Sequence[PairHistory]) -> str:
    """SHA-256 of the rates, their days and their pairs, hex."""
    digest = hashlib.sha256()
    for history in histories:
        for stretch in history.stretches:
            digest.update(f"{stretch.pair}:{len(stretch.rates)}:".encode())
            digest.update(stretch.dates.astype("<i8").tobytes())
            digest.update(stretch.rates.astype("<f8").tobytes())
    return digest.hexdigest()


def _fault(history: PairHistory) -> str | None:
    longest = max((len(stretch.rates) for stretch in history.stretches), default=0)
    if longest < MIN_RATES:
        return f"{longest} rates without a hole of over {rates.MAX_GAP_DAYS} days; {MIN_RATES} are needed"
    if not np.isfinite(pair_sigmas([history])[0]):
        return "the rate never moves"
    return None


def _until(day: dt.date | None) -> str:
    return "" if day is None else f" until {day}"


def _default_pair(options: TrainOptions, histories: Sequence[PairHistory]) -> str:
    names = [history.pair for history in histories]
    wanted = options.default_pair
    if wanted is None:
        return rates.DEFAULT_PAIR if rates.DEFAULT_PAIR in names else names[0]
    if wanted not in names:
        raise UsageError(f"default pair {wanted} is not among the pairs to train on: {', '.join(names)}")
    return wanted


def _test(
    histories: Sequence[PairHistory], rows: Rows, settings: ForestSettings
) -> tuple[FittedModel, np.datetime64, evaluate.Outcomes]:
    """The whole fit on the first four fifths of the days, and its forecasts of the last fifth."""
    days = np.unique(rows.date)
    cut = days[int((1 - TEST_SHARE) * len(days)) - 1]
    fitted = fit_model(histories, cut, settings, refit=False)
    return fitted, cut, evaluate.outcomes_of(fitted, histories, cut + np.timedelta64(1, "D"), days[-1])


def _evaluation(
    names: Sequence[str],
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
            names[position]: evaluate.measure(outcomes.where(outcomes.pair == position))
            for position in np.unique(outcomes.pair)
        },
        walk_forward=evaluate.measure(evaluate.join(list(years.values()))) if years else None,
        years={year: evaluate.measure(found) for year, found in years.items()},
        outcomes=outcomes,
    )


def _training_stats(  # noqa: PLR0913 - private: everything that a bundle's numbers come from, once
    options: TrainOptions,
    histories: Sequence[PairHistory],
    rows: Rows,
    fitted: FittedModel,
    digest: str,
    default_pair: str,
    evaluation: evaluate.Evaluation,
) -> model.TrainingStats:
    until = str(max(history.stretches[-1].dates[-1] for history in histories))
    # Whatever the forecasts depend on: the same inputs give the same version, on any machine.
    recipe = repr((digest, astuple(options.forest), default_pair, ratecast.__version__))
    counts = np.bincount(rows.pair, minlength=len(histories))
    return model.TrainingStats(
        model_version=f"{until}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}",
        trained_until=until,
        default_pair=default_pair,
        shrinkage=fitted.shrinkage,
        intervals=fitted.quantiles,
        headline=headline(fitted.shrinkage.lambda_, evaluation.test),
        pairs={
            history.pair: pair_stats(history, float(fitted.sigmas[position]), int(counts[position]))
            for position, history in enumerate(histories)
        },
    )
