"""``ratecast retrain``."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast.errors import OperationError, UsageError
from ratecast.rates import left_out
from ratecast_cli import console, parameters
from ratecast_cli.interruption import interruptible
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.rates.gathered import TopicRates
    from ratecast.rates.overlay import Overlay
    from ratecast.rates.table_screening import Screened
    from ratecast.settings import Settings
    from training.retrain import Comparison, Duel, RetrainResult

_UNCHANGED = "no model was saved, and the current model is unchanged"
# Each measure's column, and the width of its numbers.
_COLUMNS = {"MAE ratio": 6, "in 80 %": 4, "in 95 %": 4, "Winkler 80": 5, "Winkler 95": 5}


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "retrain",
        short_help="Train on the topic's rates and keep the better model.",
        help="Train a new model on the rates of the input topic, which replace or extend the rates of a base. The new "
        "model becomes the current one only if it is not worse than the current model on the newest days, which it was "
        "not trained on. Rates that look like faults of the feed, or that are dated later than tomorrow, are left out "
        "and listed. Running workers load the new model by themselves. If the new model is worse, nothing changes and "
        "the exit code is 1.",
        epilog="Example: ratecast retrain --dry-run\n\n" + left_out.epilog(),
    )(retrain)


def retrain(  # noqa: PLR0913 - each argument is an option of the command
    *,
    base: Annotated[
        str,
        typer.Option(
            metavar="ecb|none|PATH",
            help="Rates for the days and pairs that the topic lacks: the ECB's, none, or your CSV file.",
        ),
    ] = "ecb",
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help=r"Use rates up to this day. \[default: the newest]")
    ] = None,
    pair: Annotated[
        list[str] | None, typer.Option(metavar="AAA/BBB", help="Also train this pair. Repeatable.")
    ] = None,
    hold_back: Annotated[
        int,
        typer.Option(
            min=5,
            metavar="DAYS",
            help="Compare the two models on this number of days, the newest with rates.",
        ),
    ] = 60,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            metavar="SHARE",
            help="Accept the new model if its score is at most this share worse. Honest refits differed by up to 0.0036.",
        ),
    ] = 0.005,
    pair_tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="SHARE",
            help="The limit for each single pair. Honest refits differed by up to 0.022.",
        ),
    ] = 0.05,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Random seed of the forest.")
    ] = 0,
    keep_outliers: parameters.KeepOutliers = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Compare the models, but change nothing.")
    ] = False,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topic, compare the models, promote the new one or report why not."""
    from ratecast.model.bundle import load
    from ratecast.rates.overlay import lay_over
    from ratecast_cli.parameters import parse_day
    from ratecast_cli.progress import stage_bar
    from ratecast_cli.session import prepare
    from ratecast_stack.extras import require_modules

    require_modules("training")
    today, day = dt.datetime.now(dt.UTC).date(), parse_day("--until", until)
    settings = prepare(models_dir=models_dir, bootstrap_servers=bootstrap_servers)
    source = _base(base, today, day, keep_outliers=keep_outliers)

    from training.forests import ForestSettings
    from training.retrain import RetrainOptions
    from training.retrain import retrain as run

    more = parameters.parse_pairs(pair)
    champion = load(settings.models_dir)
    with interruptible(_UNCHANGED):
        feed = asyncio.run(_gather(settings, champion.stats.default_pair))
    pairs = tuple(dict.fromkeys((*champion.stats.pairs, *more)))
    table = None if source is None else source.table
    overlay = lay_over(table, feed.pairs, pairs, today, day, keep_outliers=keep_outliers)
    _require_rates(overlay, settings, base)
    options = RetrainOptions(
        models_dir=settings.models_dir,
        table=overlay.table,
        more_pairs=more,
        hold_back=hold_back,
        tolerance=tolerance,
        pair_tolerance=pair_tolerance,
        forest=ForestSettings(seed=seed),
        dry_run=dry_run,
        notes=_notes(source, overlay),
    )
    if not json:
        _print(_remarks(settings, feed, overlay, source, set(feed.pairs) - set(pairs)))
    with interruptible(_UNCHANGED), stage_bar() as progress:
        result = run(champion, options, progress)
    if json:
        console.print_json(as_json(result, feed, overlay, source))
    else:
        show(result, pairs)
    if result.comparison is not None and result.comparison.objections:
        raise OperationError(
            f"the new model is worse on the days held back: {' and '.join(result.comparison.objections)} "
            f"(allowed: {100 * tolerance:g} %, and {100 * pair_tolerance:g} % for a single pair); "
            f"{result.champion} is still the current model"
        )


def _base(text: str, today: dt.date, until: dt.date | None, *, keep_outliers: bool) -> Screened | None:
    """Returns the base; faulty rates of a file are left out."""
    from ratecast.rates.table_screening import Screened, screened
    from ratecast.rates.tables import load_csv, load_ecb

    if text == "none":
        return None
    if text == "ecb":
        return Screened(load_ecb())
    return screened(load_csv(Path(text)), today, until, keep_outliers=keep_outliers)


def _notes(source: Screened | None, overlay: Overlay) -> tuple[str, ...]:
    of_base = () if source is None else source.sentences()
    return (*of_base, *left_out.sentences(overlay.left_out, "the topic"))


async def _gather(settings: Settings, default_pair: str) -> TopicRates:
    from ratecast.kafka.gather import gather
    from ratecast_cli.progress import reading_bar
    from ratecast_cli.whole_topic import total_to_read

    with reading_bar(await total_to_read(settings, [settings.input_topic])) as advance:
        return await gather(settings, default_pair, advance)


def _require_rates(overlay: Overlay, settings: Settings, base: str) -> None:
    if overlay.no_rates:
        raise UsageError(
            f"there are no rates of {', '.join(overlay.no_rates)}, neither on {settings.input_topic} nor in the base "
            f"({base}): a model without them would reject their messages; choose another --base"
        )


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        console.line(line)


def _remarks(
    settings: Settings, feed: TopicRates, overlay: Overlay, source: Screened | None, unknown: set[str]
) -> Iterator[str]:
    from ratecast.rates.table_screening import describe

    yield (
        f"topic     {counted(feed.messages, 'message')} on {settings.input_topic}: {feed.dated:,} with dates, "
        f"{feed.undated:,} without, {feed.disordered:,} with dates out of order, {feed.undecodable:,} unreadable"
    )
    days = overlay.table.dates
    span = f", {days[0]} to {days[-1]}" if len(days) else ""
    under = "no base" if source is None else f"the rest from {source.table.source}"
    yield f"rates     {sum(overlay.taken.values()):,} from the topic, {under}{span}"
    if source is not None:
        yield from left_out.lines(source.left_out, source.table.source)
        if source.copies is not None:
            yield f"note      {describe(source.copies)}"
    yield from left_out.lines(overlay.left_out)
    if unknown:
        names = ", ".join(sorted(unknown))
        yield f"not trained: {names}: the current model does not know them (--pair adds a pair)"


def show(result: RetrainResult, pairs: tuple[str, ...]) -> None:
    """Print the comparison, a row for each pair, and the outcome."""
    comparison = result.comparison
    if comparison is None:
        console.line(f"nothing to do: {result.champion} was trained on exactly these rates")
        return
    _show_table(result.champion, comparison)
    if missing := [pair for pair in pairs if pair not in comparison.pairs]:
        console.line(
            f"not compared: {', '.join(missing)} (too few rates, or the current model does not know the pair)"
        )
    if comparison.seen:
        console.line(
            f"the current model was trained on {comparison.seen} of these {comparison.days} days, which favours it"
        )
    if result.promoted is not None:
        console.out.print(f"\n[bold]{result.promoted.headline}[/bold]\n", soft_wrap=True)
        console.line(f"model   {result.promoted.version} (now current)")
        console.line(f"report  {result.promoted.report}")
        _print(f"note    {note}" for note in result.promoted.notes)
    elif not comparison.objections:
        console.line("the new model is not worse: without --dry-run it would become the current model")


def _show_table(champion: str, comparison: Comparison) -> None:
    from rich.table import Table

    console.line(
        f"\nThe current model {champion} (old) and the new one on {comparison.days} days held back, "
        f"{comparison.first_day} to {comparison.last_day}\n"
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("pair", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("", "", *(_side_by_side("old", "new", width) for width in _COLUMNS.values()), style="dim")
    for name, duel in comparison.pairs.items():
        table.add_row(name, *_cells(duel))
    table.add_row("all", *_cells(comparison.all), style="bold")
    console.show(table)


def _cells(duel: Duel) -> tuple[str, ...]:
    digits = 0 if duel.challenger.n < 500 else 1  # few rates do not justify a second digit
    old, new = (
        (
            f"{scores.mae_ratio:.4f}",
            *(f"{100 * scores.coverage[level]:.{digits}f}" for level in ("80", "95")),
            *(f"{scores.winkler[level]:.3f}" for level in ("80", "95")),
        )
        for scores in (duel.champion, duel.challenger)
    )
    return (f"{duel.challenger.n:,}", *map(_side_by_side, old, new, _COLUMNS.values()))


def _side_by_side(old: str, new: str, width: int) -> str:
    """Returns the values of the current and of the new model as one cell, aligned within its column.

    >>> _side_by_side("old", "new", 6), _side_by_side("1.0000", "0.9987", 6)
    ('   old    new', '1.0000 0.9987')
    """
    return f"{old:>{width}} {new:>{width}}"


def as_json(
    result: RetrainResult, feed: TopicRates, overlay: Overlay, source: Screened | None
) -> dict[str, Any]:
    """Returns the result for programs."""
    copies = None if source is None else source.copies
    return {
        "champion": result.champion,
        "promoted": None if result.promoted is None else result.promoted.version,
        "unchanged": result.comparison is None,
        "comparison": None if result.comparison is None else asdict(result.comparison),
        "topic": {
            "messages": feed.messages,
            "dated": feed.dated,
            "undated": feed.undated,
            "disordered": feed.disordered,
            "undecodable": feed.undecodable,
            "pairs": {pair: len(found.days) for pair, found in feed.pairs.items()},
        },
        "taken": overlay.taken,
        "left_out": [asdict(faulty) for faulty in overlay.left_out],
        "base_left_out": [] if source is None else [asdict(faulty) for faulty in source.left_out],
        "base_carried_forward": None if copies is None else asdict(copies),
        "not_pooled": {} if result.promoted is None else result.promoted.not_pooled,
    }
