"""``ratecast train``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast.rates import left_out
from ratecast_cli import console, ecb_rates, estimator_options, parameters, signing_option
from ratecast_cli.interruption import interruptible
from ratecast_cli.progress import stage_bar
from ratecast_stack.directories import require_writable
from ratecast_stack.extras import require_modules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from training.evaluate import Metrics
    from training.train import TrainingResult


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "train",
        help="Train a model on historical rates, print how accurate it is, and make it the current model. Rates of "
        "--csv that look like faults are left out and listed. So are weekends that only repeat the rate of the day "
        "before.",
        short_help="Train a model on historical rates and make it the current one.",
        epilog="Example: ratecast train --until 2024-12-31 --pair EUR/USD --pair EUR/GBP\n\n"
        + left_out.epilog(),
    )(train)


def train(  # noqa: PLR0913, PLR0917 - each argument is an option of the command
    until: Annotated[
        str | None,
        typer.Option(metavar="DATE", help=r"Learn from rates up to this day. \[default: the newest]"),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(
            metavar="AAA/BBB",
            help=r"Train this pair. Repeatable. \[default: 20 pairs, or all pairs of --csv]",
        ),
    ] = None,
    csv: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help=rf"Learn from the rates of this file. {parameters.CSV_FORMAT} \[default: the ECB's rates]",
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Random seed of the training.")
    ] = 0,
    default_pair: Annotated[
        str | None,
        typer.Option(
            metavar="AAA/BBB",
            help="Pair used for messages that do not name one. "
            r"\[default: EUR/GBP, or the first pair if that is not trained]",
        ),
    ] = None,
    estimator: estimator_options.Estimator = None,
    centre_estimator: estimator_options.CentreEstimator = None,
    keep_outliers: parameters.KeepOutliers = False,  # noqa: FBT002 - a flag of the command line
    sign_key: signing_option.SignKey = None,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,  # noqa: FBT002 - a flag of the command line
) -> None:
    """Train a model, print its accuracy, and make it the current one."""
    from ratecast.settings import load_settings

    require_modules("training")
    day = parameters.parse_day("--until", until)
    settings = load_settings(models_dir=models_dir)
    directory = settings.models_dir
    signer = signing_option.signing_key(settings, sign_key)
    require_writable(directory)

    from training.train import train as run
    from training.train_options import TrainOptions

    pairs = parameters.parse_pairs(pair)
    ecb = ecb_rates.load(settings) if csv is None else None
    options = TrainOptions(
        models_dir=directory,
        until=day,
        pairs=pairs,
        ecb=None if ecb is None else ecb.table,
        csv=None if csv is None else Path(csv),
        default_pair=None if default_pair is None else parameters.parse_pair(default_pair, "--default-pair"),
        forest=estimator_options.forest_settings(seed, estimator, centre_estimator),
        keep_outliers=keep_outliers,
        signing_key=signer,
    )
    with interruptible("no model was saved, and the current model is unchanged"), stage_bar() as progress:
        result = run(options, progress)
    ecb_rates.announce(ecb)  # not before it, so that an error is one line
    if json:
        console.print_json({**as_json(result), **ecb_rates.as_json(ecb)})
    else:
        show(result)


def show(result: TrainingResult) -> None:
    """Print the headline, a row for each pair, what was left out, and where the model is."""
    from rich.table import Table

    evaluation = result.evaluation
    console.out.print(f"\n[bold]{result.headline}[/bold]\n")
    console.out.print(
        f"tested from {evaluation.validated_until} to {evaluation.tested_until}\n", markup=False
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("pair", no_wrap=True)
    learner = "forest" if result.stats.centre_estimator is None else "estimator"
    for name in ("n", "MAE ratio", f"{learner} alone", "in 80 %", "in 95 %", "Winkler 95"):
        table.add_column(name, justify="right")
    for name, metrics in evaluation.pairs.items():
        table.add_row(name, *_cells(metrics))
    table.add_row("all", *_cells(evaluation.test), style="bold")
    if evaluation.walk_forward is not None:
        table.add_row("walk-forward", *_cells(evaluation.walk_forward))
    console.show(table)
    if evaluation.years:
        years = f"{min(evaluation.years)} to {max(evaluation.years)}"
        console.line(f"\nwalk-forward: {years}, each year tested with a model of the years before it")
    for line in _remarks(result):
        console.line(line)
    for name, reason in result.skipped.items():
        console.line(f"left out: {name}, {reason}")
    console.line(f"model   {result.version} (now current)")
    if result.signed_with is not None:
        console.line(f"signed  with the key {result.signed_with}")
    console.line(f"report  {result.report}")


def _remarks(result: TrainingResult) -> Iterator[str]:
    """Yields the rates that were left out, by rule, then the other notes."""
    from ratecast.rates.table_screening import describe

    source = result.source
    yield from left_out.lines(source.left_out, source.table.source)
    copies = () if source.copies is None else (describe(source.copies),)
    yield from (f"note      {note}" for note in (*copies, *result.notes))


def as_json(result: TrainingResult) -> dict[str, Any]:
    """Returns the result for programs."""
    evaluation = result.evaluation
    return {
        "version": result.version,
        "signed_with": result.signed_with,
        "directory": str(result.directory),
        "report": str(result.report),
        "headline": result.headline,
        "trained_until": result.stats.trained_until,
        "range_estimator": result.stats.range_estimator,
        "centre_estimator": result.stats.centre_estimator,
        "shrinkage": result.stats.shrinkage.model_dump(by_alias=True),
        "intervals": result.stats.intervals,
        "tested": {"after": evaluation.validated_until, "until": evaluation.tested_until},
        "test": asdict(evaluation.test),
        "pairs": {name: asdict(metrics) for name, metrics in evaluation.pairs.items()},
        "walk_forward": None if evaluation.walk_forward is None else asdict(evaluation.walk_forward),
        "years": {year: asdict(metrics) for year, metrics in evaluation.years.items()},
        "skipped": result.skipped,
        "left_out": [asdict(faulty) for faulty in result.source.left_out],
        "carried_forward": None if result.source.copies is None else asdict(result.source.copies),
        "not_pooled": result.not_pooled,
        "notes": [*result.source.sentences(), *result.notes],
    }


def _cells(metrics: Metrics) -> tuple[str, ...]:
    return (
        f"{metrics.n:,}",
        f"{metrics.mae_ratio:.4f}",
        f"{metrics.forest_mae_ratio:.4f}",
        f"{100 * metrics.coverage['80']:.1f}",
        f"{100 * metrics.coverage['95']:.1f}",
        "-" if (ratio := metrics.winkler_ratio["95"]) is None else f"{ratio:.3f}",
    )
