"""How the demo looks: a live table while it runs, a summary when it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ratecast.demo.observer import Observer
    from ratecast.demo.run import Summary

QUANTILES = (50, 95, 99)


def percentiles(latencies_ms: Sequence[float]) -> dict[str, float] | None:
    """p50, p95 and p99 in milliseconds; None without data."""
    if not latencies_ms:
        return None
    values = np.percentile(np.asarray(latencies_ms), QUANTILES)
    return {f"p{q}": round(float(value), 1) for q, value in zip(QUANTILES, values, strict=True)}


def live(observer: Observer, total: int) -> Group:
    """The table of newest predictions with a line of figures beneath."""
    table = Table(title="newest prediction of each pair", title_justify="left", header_style="bold")
    for name in ("pair", "as of", "last rate", "forecast", "95 % range", "drift", "count"):
        table.add_column(name, justify="left" if name in {"pair", "as of"} else "right")
    for pair, row in sorted(observer.newest.items()):
        low, high = row.intervals.level_95
        share = observer.drifted[pair] / observer.counts[pair]
        table.add_row(
            pair,
            row.as_of or "",
            f"{row.baseline:.6g}",
            f"{row.prediction:.6g}",
            f"{low:.6g} to {high:.6g}",
            Text(f"{share:.0%}", style="yellow" if share > 0.3 else ""),
            str(observer.counts[pair]),
        )
    return Group(table, Text(status_line(observer, total)))


def status_line(observer: Observer, total: int) -> str:
    """Progress in one line, for a log as for beneath the table."""
    recent = percentiles(observer.latencies_ms[-2000:])
    latency = "  ".join(f"{name} {value:g} ms" for name, value in recent.items()) if recent else "none yet"
    return (
        f"scored {observer.scored} of {total}   {observer.rate():,.0f} msg/s   latency {latency}   "
        f"lag {max(0, observer.backlog)}"
    )


def summary_table(summary: Summary) -> Table:
    """The demo's result, for people."""
    table = Table(title="summary, counted from the topics", title_justify="left", show_header=False)
    table.add_column(justify="left", style="bold")
    table.add_column(justify="right")
    for name in ("published", "scored", "dead_lettered"):
        table.add_row(name.replace("_", "-"), f"{getattr(summary, name):,}")
    for name in ("lost", "duplicated"):
        count = getattr(summary, name)
        table.add_row(name, Text(f"{count:,}", style="bold red" if count else "green"))
    table.add_row("replayed", f"{summary.first_date} to {summary.last_date}, {summary.pairs} pairs")
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
