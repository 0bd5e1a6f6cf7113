"""The view of the demo: a live table while it runs, a summary at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ratecast_cli.wording import counted
from ratecast_stack.demo.summary import percentiles

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from ratecast_stack.demo.observer import Observer
    from ratecast_stack.demo.summary import Summary

_COLUMNS = ("pair", "as of", "last rate", "forecast", "95 % range", "drift", "count")
_UNLIMITED = 10_000


def live(observer: Observer, total: int) -> Group:
    """Returns the view of a running demo. The figures come first: a low terminal cuts off the end of the table."""
    return Group(Text(status_line(observer, total)), NewestPredictions(observer))


def ended(observer: Observer, total: int) -> Group:
    """Returns the last view: the table, then the figures. It is printed in full."""
    return Group(NewestPredictions(observer), Text(status_line(observer, total)), "")


class NewestPredictions:
    """A table with one line for each pair, with as many columns as fit.

    Args:
        observer: holds the predictions.
    """

    _FORMS = (
        (3, ()),
        (2, ()),
        (2, ("count",)),
        (2, ("count", "last rate")),
        (1, ("count", "last rate", "as of")),
    )

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yields the table; rich calls this."""
        for gap, left_out in self._FORMS:
            table = self._table(gap, left_out)
            if (
                Measurement.get(console, options.update(max_width=_UNLIMITED), table).maximum
                <= options.max_width
            ):
                break
        yield table

    def _table(self, gap: int, left_out: tuple[str, ...]) -> Table:
        columns: dict[str, list[Text]] = {name: [] for name in _COLUMNS if name not in left_out}
        for pair in sorted(self._observer.newest):
            cells = self._cells(pair)
            for name, column in columns.items():
                column.append(cells[name])
        table = Table(box=None, pad_edge=False, padding=(0, gap, 0, 0), header_style="bold")
        for name in columns:
            table.add_column(name, justify="left" if name in {"pair", "as of"} else "right", no_wrap=True)
        for row in zip(*columns.values(), strict=True):
            table.add_row(*row)
        return table

    def _cells(self, pair: str) -> dict[str, Text]:
        row, count = self._observer.newest[pair], self._observer.counts[pair]
        low, high = row.intervals.level_95
        share = self._observer.drifted[pair] / count
        texts = (
            *(pair, row.as_of or "", f"{row.baseline:.6g}", f"{row.prediction:.6g}"),
            *(f"{low:.6g} to {high:.6g}", f"{share:.0%}", str(count)),
        )
        cells = {name: Text(text) for name, text in zip(_COLUMNS, texts, strict=True)}
        cells["drift"].stylize("yellow" if share > 0.3 else "")
        return cells


def status_line(observer: Observer, total: int) -> str:
    """Returns the progress as one line of at most 80 columns."""
    recent = percentiles(observer.latencies_ms[-2000:])
    # From 10 ms on, tenths are only noise of the machine.
    shown = [f"{name} {value:.{0 if value >= 10 else 1}f}" for name, value in (recent or {}).items()]
    latency = f"{'  '.join(shown)} ms" if shown else "none yet"
    return (
        f"scored {observer.scored} of {total}   {observer.rate():,.0f} msg/s   latency {latency}   "
        f"lag {max(0, observer.backlog)}"
    )


def summary_table(summary: Summary) -> Table:
    """Returns the demo's result as a table."""
    table = Table(
        title="summary, counted from the topics",
        title_justify="left",
        show_header=False,
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column(justify="left", style="bold")
    table.add_column(justify="right")
    for name in ("published", "scored", "dead_lettered"):
        table.add_row(name.replace("_", "-"), f"{getattr(summary, name):,}")
    for name in ("lost", "duplicated"):
        count = getattr(summary, name)
        table.add_row(name, Text(f"{count:,}", style="bold red" if count else "green"))
    table.add_row(
        "replayed", f"{summary.first_date} to {summary.last_date}, {counted(summary.pairs, 'pair')}"
    )
    if summary.latency_ms:
        shown = " / ".join(f"{value:g}" for value in summary.latency_ms.values())
        table.add_row("latency p50 / p95 / p99", f"{shown} ms")
    table.add_row("throughput", f"{summary.messages_per_second:,.0f} msg/s (paced at {summary.pace})")
    if summary.hindcast:
        table.add_row("MAE ratio to the last rate", f"{summary.hindcast.mae_ratio:.4f}")
        coverage = " / ".join(f"{share:.1%}" for share in summary.hindcast.coverage.values())
        table.add_row("coverage of the 80 / 95 % range", coverage)
    table.add_row("model", f"{summary.model_version}, trained until {summary.trained_until}")
    return table
