"""What ``ratecast retrain`` prints: what was read, how the two models compare, and the outcome."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ratecast.rates import left_out
from ratecast_cli import console
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ratecast.rates.gathered import TopicRates
    from ratecast.rates.overlay import Overlay
    from ratecast.rates.table_screening import Screened
    from ratecast.settings import Settings
    from training.model_comparison import Comparison, Duel
    from training.retrain import RetrainResult

# Each measure's column, and the width of its numbers.
_COLUMNS = {"MAE ratio": 6, "in 80 %": 4, "in 95 %": 4, "Winkler 80": 5, "Winkler 95": 5}


def remarks(
    settings: Settings, feed: TopicRates, overlay: Overlay, source: Screened | None, unknown: set[str]
) -> Iterator[str]:
    """Yields what was read, what was left out, and which pairs are not trained."""
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
    trained = result.promoted or result.shadow
    if trained is not None:
        role = "now current" if result.shadow is None else "now the shadow model"
        console.out.print(f"\n[bold]{trained.headline}[/bold]\n", soft_wrap=True)
        console.line(f"model   {trained.version} ({role})")
        if trained.signed_with is not None:
            console.line(f"signed  with the key {trained.signed_with}")
        console.line(f"report  {trained.report}")
        for note in trained.notes:
            console.line(f"note    {note}")
        if comparison.objections:
            console.line(f"note    on the days held back it is worse: {' and '.join(comparison.objections)}")
    elif not comparison.objections:
        console.line("the new model is not worse: without --dry-run it would become the current model")


def _show_table(champion: str, comparison: Comparison) -> None:
    console.line(
        f"\nThe current model {champion} (old) and the new one on {comparison.days} days held back, "
        f"{comparison.first_day} to {comparison.last_day}\n"
    )
    show_duels(comparison.all, comparison.pairs)


def show_duels(everything: Duel, pairs: Mapping[str, Duel]) -> None:
    """Print the scores of both models as a table, a row for each pair and one for all."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("pair", no_wrap=True)
    table.add_column("n", justify="right", no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row("", "", *(_side_by_side("old", "new", width) for width in _COLUMNS.values()), style="dim")
    for name, duel in pairs.items():
        table.add_row(name, *_cells(duel))
    table.add_row("all", *_cells(everything), style="bold")
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
    trained = result.promoted or result.shadow
    return {
        "champion": result.champion,
        "promoted": None if result.promoted is None else result.promoted.version,
        "shadow": None if result.shadow is None else result.shadow.version,
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
        "not_pooled": {} if trained is None else trained.not_pooled,
    }
