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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.rates.gathered import TopicRates
    from ratecast.rates.overlay import Overlay
    from ratecast.rates.table_screening import Screened
    from ratecast.settings import Settings
    from training.retrain import Comparison, Duel, RetrainResult

# A column for each measure, and how wide its numbers are.
_COLUMNS = {"MAE ratio": 6, "in 80 %": 4, "in 95 %": 4, "Winkler 80": 5, "Winkler 95": 5}


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "retrain",
        short_help="Train anew on the topic's rates; keep the better model.",
        help="Train anew on the rates of the input topic, laid over a base, and take the new model into use only "
        "if it is not worse than the current one on the newest days, which it was not trained on. Rates that look "
        "like faults of the feed or are dated later than tomorrow are left out and named. Running workers notice a "
        "new model by themselves. Exit code 1, and nothing is changed, when the new model is worse.",
        epilog="Example: ratecast retrain --dry-run\n\n" + left_out.epilog(),
    )(retrain)


def retrain(  # noqa: PLR0913 - each argument is an option of the command
    *,
    base: Annotated[
        str,
        typer.Option(
            metavar="ecb|none|PATH", help="Rates below the topic's, which win: ECB, none, or your CSV."
        ),
    ] = "ecb",
    until: Annotated[
        str | None, typer.Option(metavar="DATE", help=r"Take rates up to this day. \[default: the newest]")
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="AAA/BBB", help="A pair beside those of the current model; repeatable."),
    ] = None,
    hold_back: Annotated[
        int, typer.Option(min=5, metavar="DAYS", help="Newest rate days that the two models are judged on.")
    ] = 60,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0, max=1, metavar="SHARE", help="So much worse still passes: refits differ by 0.0036 at most."
        ),
    ] = 0.005,
    pair_tolerance: Annotated[
        float,
        typer.Option(
            min=0, metavar="SHARE", help="The same for each single pair: refits differ by 0.022 at most."
        ),
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of the forest.")] = 0,
    keep_outliers: parameters.KeepOutliers = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Judge only; change nothing.")] = False,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topic, let the models meet, promote the new one or say why not."""
    from ratecast.model.bundle import load
    from ratecast.rates.overlay import lay_over
    from ratecast.settings import load_settings
    from ratecast_cli.extras import require_training_extra
    from ratecast_cli.logs import configure_logging, quiet_client
    from ratecast_cli.parameters import parse_day
    from ratecast_cli.progress import stage_bar

    require_training_extra()
    settings = load_settings(models_dir=models_dir, bootstrap_servers=bootstrap_servers)
    today, day = dt.datetime.now(dt.UTC).date(), parse_day("--until", until)
    source = _base(base, today, day, keep_outliers=keep_outliers)
    configure_logging(settings)
    quiet_client(settings)

    from training.fit import ForestSettings
    from training.retrain import RetrainOptions
    from training.retrain import retrain as run

    more = parameters.parse_pairs(pair)
    champion = load(settings.models_dir)
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
    with stage_bar() as progress:
        result = run(champion, options, progress)
    if json:
        console.print_json(as_json(result, feed, overlay, source))
    else:
        show(result, pairs)
    if result.comparison is not None and result.comparison.objections:
        raise OperationError(
            f"the new model is worse on the days held back: {' and '.join(result.comparison.objections)} "
            f"({100 * tolerance:g} % passes, {100 * pair_tolerance:g} % in a single pair); "
            f"{result.champion} stays in use"
        )


def _base(text: str, today: dt.date, until: dt.date | None, *, keep_outliers: bool) -> Screened | None:
    """The base; a file without what must not be learnt."""
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
            f"({base}): a model without them would turn their messages away; choose another --base"
        )


def _print(lines: Iterator[str]) -> None:
    for line in lines:
        console.out.print(line, markup=False, soft_wrap=True)


def _remarks(
    settings: Settings, feed: TopicRates, overlay: Overlay, source: Screened | None, unknown: set[str]
) -> Iterator[str]:
    from ratecast.rates.table_screening import describe

    yield (
        f"topic     {feed.messages:,} messages on {settings.input_topic}: {feed.dated:,} with dates, "
        f"{feed.undated:,} without, {feed.disordered:,} with dates out of order, {feed.undecodable:,} undecodable"
    )
    days = overlay.table.dates
    span = f", {days[0]} to {days[-1]}" if len(days) else ""
    under = "and no base" if source is None else f"over those of {source.table.source}"
    yield f"rates     {sum(overlay.taken.values()):,} of the topic {under}{span}"
    if source is not None:
        yield from left_out.lines(source.left_out, source.table.source)
        if source.copies is not None:
            yield f"note      {describe(source.copies)}"
    yield from left_out.lines(overlay.left_out)
    if unknown:
        yield f"not learnt: {', '.join(sorted(unknown))}, which the current model does not know (--pair adds one)"


def show(result: RetrainResult, pairs: tuple[str, ...]) -> None:
    """The duel, a line a pair, and what came of it."""
    comparison = result.comparison
    if comparison is None:
        text = f"nothing to do: {result.champion} was made from these very rates"
        console.out.print(text, markup=False, soft_wrap=True)
        return
    _show_table(result.champion, comparison)
    if unjudged := [pair for pair in pairs if pair not in comparison.pairs]:
        text = f"not judged, for lack of rates or since the current model does not know them: {', '.join(unjudged)}"
        console.out.print(text, markup=False, soft_wrap=True)
    if comparison.seen:
        console.out.print(
            f"the current model was trained on {comparison.seen} of these {comparison.days} days: an advantage it keeps",
            markup=False,
            soft_wrap=True,
        )
    if result.promoted is not None:
        console.out.print(f"\n[bold]{result.promoted.headline}[/bold]\n", soft_wrap=True)
        console.out.print(f"model   {result.promoted.version} (now current)", markup=False, soft_wrap=True)
        console.out.print(f"report  {result.promoted.report}", markup=False, soft_wrap=True)
        _print(f"note    {note}" for note in result.promoted.notes)
    elif not comparison.objections:
        console.out.print("the new model is not worse: without --dry-run it would now be trained and used")


def _show_table(champion: str, comparison: Comparison) -> None:
    from rich.table import Table

    console.out.print(
        f"\nThe current model {champion} (old) and the new one on {comparison.days} days held back, "
        f"{comparison.first_day} to {comparison.last_day}\n",
        markup=False,
        soft_wrap=True,
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
    digits = 0 if duel.challenger.n < 500 else 1  # what so many rates can tell
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
    """What belongs to the current and to the new model, in one cell; the same in each row of a column.

    >>> _side_by_side("old", "new", 6), _side_by_side("1.0000", "0.9987", 6)
    ('   old    new', '1.0000 0.9987')
    """
    return f"{old:>{width}} {new:>{width}}"


def as_json(
    result: RetrainResult, feed: TopicRates, overlay: Overlay, source: Screened | None
) -> dict[str, Any]:
    """The same for programs."""
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
