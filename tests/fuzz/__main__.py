"""``python -m tests.fuzz``: a seeded fuzz over structure and bytes; prints what became of every input."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.run import Fuzzer, all_batches

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fuzz.run import FuzzReport

_SLOW_SECONDS = 0.25
_LINE_EVERY_SECONDS = 30.0


def outcomes(report: FuzzReport) -> Table:
    table = Table(title="outcomes", title_justify="left")
    for name in ("outcome", "inputs", "share"):
        table.add_column(name, justify="left" if name == "outcome" else "right")
    total = max(1, sum(report.outcomes.values()))
    for outcome, count in report.outcomes.most_common():
        table.add_row(outcome, f"{count:,}", f"{100 * count / total:.1f} %")
    table.add_section()
    table.add_row("all", f"{sum(report.outcomes.values()):,}", "")
    return table


def kinds(report: FuzzReport) -> Table:
    table = Table(title="kinds of inputs", title_justify="left")
    for name in ("kind", "inputs", "predictions", "dead letters"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    inputs: Counter[str] = Counter()
    for (kind, _), count in report.by_kind.items():
        inputs[kind] += count
    for kind, count in inputs.most_common():
        scored = report.by_kind[kind, "prediction"]
        table.add_row(kind, f"{count:,}", f"{scored:,}", f"{count - scored:,}")
    return table


def summary(report: FuzzReport, console: Console) -> None:
    console.print(outcomes(report))
    console.print(kinds(report))
    console.print(
        f"{report.inputs:,} inputs in {report.seconds:.0f} s ({report.inputs / max(report.seconds, 1e-9):,.0f} a second), "
        f"of which scoring took {report.scoring_seconds:.0f} s"
    )
    console.print(
        f"memory: {report.warm_mib:.0f} MiB when warm, {report.end_mib:.0f} MiB at the end, {report.peak_mib:.0f} MiB at its peak"
    )
    for number, slow in enumerate(report.slowest):
        name = "slowest batch" if number == 0 else "next"
        console.print(
            f"{name}: {1000 * slow.seconds:.0f} ms for batch {slow.batch} ({slow.inputs} inputs, {slow.bytes / 1e6:.1f} MB: {slow.kinds})"
            f"{', over 250 ms' if slow.seconds > _SLOW_SECONDS else ''}"
        )
    for failure in report.failures:
        console.print("[red]FAILED[/red] ", end="")
        console.print(failure, markup=False)
    console.print(f"{len(report.failures)} broken promises")


def lines(console: Console, total: int) -> Callable[[int], None]:
    """Progress for what is no terminal: a line now and then."""
    last = time.monotonic()

    def progress(done: int) -> None:
        nonlocal last
        if time.monotonic() - last > _LINE_EVERY_SECONDS:
            last = time.monotonic()
            console.print(f"{done:,} of {total:,} inputs")

    return progress


def main() -> None:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="how many (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed gives the same inputs (default: %(default)s)"
    )
    parser.add_argument(
        "--schema-every", type=int, default=1,
        help="validate every n-th prediction of a batch with the JSON Schema (default: %(default)s); pydantic validates all",
    )  # fmt: skip
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    fuzzer = Fuzzer(options.schema_every)
    batches = all_batches(options.seed, options.inputs)
    stopped = False
    try:
        if sys.stdout.isatty():
            columns = (TextColumn("inputs"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            with Progress(*columns, console=console) as bar:
                task = bar.add_task("", total=options.inputs)
                fuzzer.run(batches, options.inputs, lambda done: bar.update(task, completed=done))
        else:
            fuzzer.run(batches, options.inputs, lines(console, options.inputs))
    except KeyboardInterrupt:
        stopped = True
        console.print("stopped; what was done until then:")
    summary(fuzzer.report, console)
    raise SystemExit(130 if stopped else bool(fuzzer.report.failures))


if __name__ == "__main__":
    main()
