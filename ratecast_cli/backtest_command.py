"""``ratecast backtest``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast.errors import UsageError
from ratecast_cli import console, ecb_rates, parameters
from ratecast_cli.interruption import interruptible
from ratecast_cli.progress import stage_bar
from ratecast_stack.extras import require_modules

if TYPE_CHECKING:
    import numpy as np

    from ratecast.rates.freshest import EcbRates
    from ratecast.rates.table_screening import Screened
    from training.backtest import Backtest, Fold, MethodScores
    from training.dataset import PairHistory

_EPILOG = (
    "Example: ratecast backtest --estimator my_model:make --split 2020\n\n"
    "How to read the table: it has a line for the 80 % range and one for the 95 % range of each method. Winkler is "
    "the score of the ranges (their width plus a penalty for misses) divided by that of `volatility alone`; below 1 "
    "is better. t says whether the difference may be luck: above 2 hardly, above 3 not (Diebold-Mariano; all pairs "
    "of one day count as one observation). The other columns are percentages of rates inside the range: on all days, on "
    "the calmest, the middle and the wildest third of the days, and after a move of over 3 sigma. A good range has 80 and "
    "95 everywhere. seconds is the time to fit all models and to forecast."
)


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "backtest",
        short_help="Compare models and simple methods on past rates.",
        help="Compare this project's model, your own estimators and simple methods on past rates, and print one table. "
        "Each method forecasts rates that its models were not trained on: by default each year from 2015 on by a model of "
        "the years before it, with --split all years after one by one model. All forecasts are from 61 rates. The simple "
        "methods are volatility alone (the ranges before any model changes their width), EWMA 0.94 (RiskMetrics), a "
        "constant width, and GARCH(1,1)-t if the package arch is installed. Nothing is saved.",
        epilog=_EPILOG,
    )(backtest)


def backtest(  # noqa: PLR0913 - each argument is an option of the command
    *,
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "--estimator",
            metavar="MODULE:CALLABLE",
            help="Also test this estimator of the ranges' width: an importable callable that takes no argument and returns "
            "an unfitted scikit-learn regressor or pipeline. Repeatable.",
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="YEAR|DATE",
            help="Train once, up to the end of this year or day, and test on all days after it.",
        ),
    ] = None,
    first_year: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="YEAR",
            min=1,
            max=9999,
            help=r"Test each year from this one on. \[default: 2015]",
        ),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help=rf"Use the rates of this file. {parameters.CSV_FORMAT} \[default: the ECB's rates]",
        ),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AAA/BBB",
            help=r"Use this pair. Repeatable. \[default: 20 pairs, or all pairs of --csv]",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Random seed of the models.")
    ] = 0,
    keep_outliers: parameters.KeepOutliers = False,
    json: parameters.Json = False,
) -> None:
    """Forecast past days by each method and print the scores."""
    from ratecast.settings import load_settings

    settings = load_settings()
    require_modules("a backtest")
    if split is not None and first_year is not None:
        raise UsageError("--split and --from exclude each other")

    from training.backtest import backtest as run
    from training.chosen_estimators import WIDTH, choose
    from training.forests import ForestSettings

    until = None if split is None else _split_day(split)
    chosen = [found for name in dict.fromkeys(estimator or ()) if (found := choose(WIDTH, name)) is not None]
    pairs = parameters.parse_pairs(pair)
    ecb = ecb_rates.load(settings) if csv is None else None
    histories, skipped, source = _histories(csv, ecb, pairs, keep_outliers=keep_outliers)
    folds = _folds(histories, until, first_year)
    ecb_rates.announce(ecb)
    with interruptible("no table is printed, and nothing was changed"), stage_bar() as progress:
        result = run(histories, folds, ForestSettings(seed=seed), chosen, progress)
    if json:
        console.print_json({**as_json(result, source, skipped), **ecb_rates.as_json(ecb)})
    else:
        show(result, source, skipped)


def _histories(
    csv: str | None, ecb: EcbRates | None, pairs: tuple[str, ...], *, keep_outliers: bool
) -> tuple[list[PairHistory], dict[str, str], Screened]:
    """Returns the pairs to test, those left out with the reason, and the rates."""
    from training.collect import collect, load_table
    from training.train_options import TrainOptions

    path, table = None if csv is None else Path(csv), None if ecb is None else ecb.table
    # Nothing is written: the directory of models is not used.
    options = TrainOptions(models_dir=Path(), pairs=pairs, ecb=table, csv=path, keep_outliers=keep_outliers)
    source = load_table(options)
    histories, skipped = collect(options, source.table)
    return histories, skipped, source


def _split_day(text: str) -> np.datetime64:
    import numpy as np

    day = f"{text}-12-31" if text.isdecimal() and len(text) == 4 else text
    return np.datetime64(parameters.parse_day("--split", day), "D")


def _folds(
    histories: list[PairHistory], until: np.datetime64 | None, first_year: int | None
) -> tuple[Fold, ...]:
    from training.backtest import FIRST_YEAR, split_fold, yearly_folds

    if until is not None:
        return split_fold(histories, until)
    return yearly_folds(histories, FIRST_YEAR if first_year is None else first_year)


def show(result: Backtest, source: Screened, skipped: dict[str, str]) -> None:
    """Print the table, then what was left out and which factors the gate left unused."""
    from rich.table import Table

    from training.baselines import REFERENCE

    trained = (
        f"trained up to {result.folds[0].until}"
        if len(result.folds) == 1
        else f"each of {len(result.folds)} years forecast by models of the years before it"
    )
    pairs = f"{result.pairs} pair{'s' if result.pairs > 1 else ''}"
    console.line(f"{result.n:,} rates of {pairs}, {result.first_day} to {result.last_day}; {trained}\n")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("method", overflow="fold")
    for name in ("%", "Winkler", "t", "all", "calm", "middle", "wild", "shock", "seconds"):
        table.add_column(name, justify="right", no_wrap=True)
    for method in result.methods:
        table.add_row(*_cells(method))
    console.show(table)
    after = result.in_regime["after_shock"]
    console.line(
        f"\nWinkler below 1 is better than {REFERENCE}; {after:,} rates came after a move of over 3 sigma (shock)"
    )
    for line in (*_gates(result), *_left_out(source, skipped)):
        console.line(line)


def _cells(method: MethodScores) -> list[str]:
    """Returns the cells of a method: two lines each, one for each level."""
    columns: list[list[str]] = []
    for level, scores in method.levels.items():
        shares = (scores.coverage, *scores.by_regime.values())
        columns.append(
            [
                level,
                "-" if scores.ratio is None else f"{scores.ratio:.4f}",
                "-" if scores.t_statistic is None else f"{scores.t_statistic:.1f}",
                *("-" if share is None else f"{100 * share:.1f}" for share in shares),
            ]
        )
    return [method.name, *map("\n".join, zip(*columns, strict=True)), f"{method.seconds:.1f}"]


def _gates(result: Backtest) -> list[str]:
    """Returns a line for each model whose factors were not used in every fold."""
    lines = []
    for method in result.methods:
        unused = [exponent for exponent in method.exponents or () if exponent == 0]
        if unused and method.exponents:
            lines.append(
                f"gate      {method.name}: its widths were not used in {len(unused)} of {len(method.exponents)} models, "
                "because they were not significantly better on the newest training days"
            )
    return lines


def _left_out(source: Screened, skipped: dict[str, str]) -> list[str]:
    from training import garch

    missing = (
        []
        if garch.is_installed()
        else [f"left out: {garch.NAME}, because the package arch is not installed (pip install arch)"]
    )
    notes = [f"note      {sentence}" for sentence in source.sentences()]
    return [*missing, *notes, *(f"left out: {name}, {reason}" for name, reason in skipped.items())]


def as_json(result: Backtest, source: Screened, skipped: dict[str, str]) -> dict[str, Any]:
    """Returns the result for programs."""
    return {
        "source": source.table.source,
        "pairs": result.pairs,
        "rates": result.n,
        "first_day": result.first_day,
        "last_day": result.last_day,
        "trained_until": [str(fold.until) for fold in result.folds],
        "rates_by_regime": result.in_regime,
        "methods": [asdict(method) for method in result.methods],
        "skipped": skipped,
        "notes": list(source.sentences()),
    }
