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
from ratecast.parity import make_probes
from training import evaluate, report
from training.bundle import BundleContent, write_bundle
from training.dataset import PairHistory, Rows, build_rows, pair_sigmas
from training.fit import MIN_FIT_ROWS, FittedModel, ForestSettings, fit_model, learnable_rows
from training.headline import headline
from training.onnx_export import check_parity, export_onnx
from training.progress import Progress, silent
from training.statistics import training_stats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MIN_RATES = 100  # in one stretch: 61 to fill a window and a few dozen to learn from
TEST_SHARE = 0.2  # of the days


@dataclass(frozen=True)
class TrainOptions:
    """What to train on and where to put it.

    Attributes:
        models_dir: where bundles are kept.
        until: last day to learn from; the newest there is when None.
        pairs: which pairs; when empty, a CSV's own columns or ``rates.DEFAULT_PAIRS``.
        csv: a user's rates instead of the ECB's.
        table: rates at hand, instead of either.
        default_pair: of messages that name none; ``rates.DEFAULT_PAIR`` if trained, else the first pair.
        forest: seed and size.
    """

    models_dir: Path
    until: dt.date | None = None
    pairs: tuple[str, ...] = ()
    csv: Path | None = None
    table: rates.RateTable | None = None
    default_pair: str | None = None
    forest: ForestSettings = field(default_factory=ForestSettings)


@dataclass(frozen=True)
class TrainingResult:
    """A written bundle and how good it is."""

    directory: Path
    stats: model.TrainingStats
    evaluation: evaluate.Evaluation
    skipped: dict[str, str]  # pair -> why it was left out

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
        return self.directory / model.REPORT


def train(options: TrainOptions, progress: Progress = silent) -> TrainingResult:
    """Train, evaluate, and write a bundle that becomes the current one.

    Raises:
        UsageError: the rates asked for do not exist or are too few.
        OperationError: the ONNX graph is not faithful, or the bundle cannot be written.
    """
    histories, skipped = collect(options)
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
    content = BundleContent(
        stats=stats,
        forest=fitted.forest,
        onnx=onnx,
        probes=make_probes(fitted.forest, rows.inputs, options.forest.seed),
        report=lambda named: report.render(named, evaluation, skipped),
        data_digest=digest,
        split_dates=_split_dates(evaluation, fitted, until),
        seed=options.forest.seed,
    )
    written = write_bundle(options.models_dir, content, dt.datetime.now(dt.UTC))
    progress("done", total, total)
    return TrainingResult(written.directory, written.stats, evaluation, skipped)


def collect(options: TrainOptions) -> tuple[list[PairHistory], dict[str, str]]:
    """The pairs to train on, cut at ``until``, and those left out with the reason.

    Raises:
        UsageError: a pair that was asked for by name has to be left out, or none is left.
    """
    table = _table(options)
    own = options.csv is not None or options.table is not None
    chosen = options.pairs or (tuple(table.columns) if own else rates.DEFAULT_PAIRS)
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
        pair, fault = next(iter(skipped.items()))
        raise UsageError(f"{table.source} has no pair to train on{_until(options.until)}; {pair}: {fault}")
    return histories, skipped


def _table(options: TrainOptions) -> rates.RateTable:
    if options.table is not None:
        return options.table
    return rates.load_ecb() if options.csv is None else rates.load_csv(options.csv)


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
        return f"{longest} rates in a row are too few: {MIN_RATES} are needed"
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
