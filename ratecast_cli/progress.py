"""Progress of long work on stderr: bars on a terminal, a few lines or nothing in a pipe or a file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ratecast_cli import console

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, ProgressColumn

    from ratecast.stages import OnStage


def _bar(*columns: ProgressColumn) -> Progress:
    from rich.progress import Progress

    return Progress(*columns, console=console.err, transient=True)


@contextmanager
def stage_bar() -> Iterator[OnStage]:
    """Yields a function to call with a stage's name, the units done and all units. A pipe gets one line for each stage."""
    if not console.err.is_terminal:
        yield lambda stage, done, total: console.err.print(f"[{done}/{total}] {stage}", markup=False)
        return
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    with _bar(TextColumn("{task.description:<40}"), BarColumn(), TimeElapsedColumn()) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda stage, done, total: bar.update(task, description=stage, completed=done, total=total)


@contextmanager
def reading_bar(total: int) -> Iterator[Callable[[int], None]]:
    """Yields a function to call with the number of records read. A pipe gets nothing."""
    if not console.err.is_terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    with _bar(TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        # The total includes transaction markers, which are never read. Records that arrive meanwhile are not in it.
        task = bar.add_task("reading", total=total)
        yield lambda read: bar.update(task, completed=read, total=max(read, total))


@contextmanager
def offsets_bar() -> Iterator[Callable[[int, int], None]]:
    """Yields a function to call with the offsets read and all offsets to read. A pipe gets nothing."""
    if not console.err.is_terminal:
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    with _bar(TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda read, total: bar.update(task, completed=read, total=total)


@contextmanager
def replay_bar(total: int | None) -> Iterator[Callable[[str, int], None]]:
    """Yields a function to call with the newest message's day and the number sent. A pipe gets nothing."""
    if not console.err.is_terminal:
        yield lambda *_: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn

    columns: tuple[Any, ...] = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    speed_column = TextColumn("{task.fields[speed]} msg/s")
    with _bar(*columns, speed_column, TimeElapsedColumn()) as bar:
        task = bar.add_task("connecting", total=total, speed="-")

        def advance(day: str, sent: int) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(task, description=day, completed=sent, speed="-" if speed is None else f"{speed:,.0f}")

        yield advance
