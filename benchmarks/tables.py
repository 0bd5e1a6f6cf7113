"""Writes what was measured as Markdown tables."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.programs import WORKER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.results import Latencies, Measured

_LOADS = {"partitions": "partitions", "workers": "workers", "rates": "rates a message", "pairs": "pairs"}
BUSY = (
    0.5  # share of a core that a capacity leaves to the worker: the other half is for bursts and catching up
)
CORES = (1, 2, 4, 8)
BILLION_AN_HOUR = 1e9 / 3600


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table."""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *rows))


def throughput_table(measured: Sequence[Measured]) -> str:
    """Returns a row for each case. Loads that are equal in all cases have no column.

    The ratio compares the case with the worker on the same load.
    """
    loads = [name for name in _LOADS if len({getattr(of.case, name) for of in measured}) > 1]
    header = [
        *(_LOADS[name] for name in loads),
        *("program", "messages/s, median", "lowest to highest", "worker / this"),
        *("processor, us a message", "broker, us a message", "memory, MB", "first output after, s"),
    ]
    return markdown(header, (_row(of, measured, loads) for of in measured))


def _row(of: Measured, measured: Sequence[Measured], loads: Sequence[str]) -> list[str]:
    same_load = [
        other for other in measured if all(getattr(other.case, n) == getattr(of.case, n) for n in loads)
    ]
    worker = next((other for other in same_load if other.case.program == WORKER), of)
    low, high = of.spread()
    return [
        *(f"{getattr(of.case, name)}" for name in loads),
        of.case.program,
        f"{of.median():,.0f}",
        f"{low:,.0f} to {high:,.0f}",
        "" if worker is of else f"{worker.median() / of.median():,.2f}",
        f"{of.median('cpu_us'):,.1f}",
        _known(of, "broker_us"),
        f"{of.median('memory_mb'):.0f}",
        _known(of, "start_seconds"),
    ]


def _known(of: Measured, figure: str) -> str:
    """Returns the median of a figure that some runs do not have; empty if none has it."""
    figures = [value for run in of.runs if (value := getattr(run, figure)) is not None]
    return f"{statistics.median(figures):,.1f}" if figures else ""


def latency_table(latencies: Sequence[Latencies]) -> str:
    """Returns a row for each rate and program; times are in milliseconds."""
    header = [
        "messages/s",
        "program",
        "p50",
        "p99",
        "p99.9",
        "p99 of each round",
        "seen",
        "publisher late, p99",
    ]
    return markdown(
        header,
        (
            [
                f"{of.rate:,}",
                of.program,
                *(f"{figure:,.1f}" for figure in (of.p50, of.p99, of.p999)),
                ", ".join(f"{figure:,.0f}" for figure in of.rounds_p99),
                f"{of.seen:,} of {of.due:,}",
                f"{of.publisher_late_ms:.1f}",
            ]
            for of in latencies
        ),
    )


def capacity_table(history: Sequence[Measured]) -> str:
    """Returns messages per second that workers should be given, from the processor time of a message.

    One worker uses one core. ``BUSY`` of it is planned.
    """
    workers = [of for of in history if of.case.program == WORKER]
    header = ["rates a message", *(f"{count} core{'s' if count > 1 else ''}" for count in CORES)]
    rows = ([f"{of.case.rates}", *(f"{_planned(of, count):,.0f}" for count in CORES)] for of in workers)
    return markdown(header, rows)


def _planned(of: Measured, cores: int) -> float:
    return BUSY * cores * 1e6 / of.median("cpu_us")


def billion_sentence(history: Sequence[Measured], bytes_in: int, bytes_out: int) -> str:
    """Returns what a billion messages of 61 rates an hour would take."""
    of = next(of for of in history if of.case.program == WORKER and of.case.rates == 61)
    workers = BILLION_AN_HOUR / _planned(of, 1)
    broker_us = _known(of, "broker_us")
    said_of_brokers = (
        f" The broker used {broker_us} us a message for one replica, which is {BILLION_AN_HOUR * float(broker_us) / 1e6:.1f} "
        "cores at this rate. With three replicas plan at least three times as much."
        if broker_us
        else ""
    )
    return (
        f"A billion messages an hour are {BILLION_AN_HOUR:,.0f} a second. At {of.median('cpu_us'):.1f} us a message and "
        f"{100 * BUSY:.0f} % planned load that takes {workers:.0f} workers of one core each, and at least as many "
        f"partitions. Inputs of {bytes_in:,} bytes are {BILLION_AN_HOUR * bytes_in / 1e6:,.0f} MB/s, outputs of "
        f"{bytes_out:,} bytes {BILLION_AN_HOUR * bytes_out / 1e6:,.0f} MB/s, both uncompressed.{said_of_brokers}"
    )
