"""``python -m tests.chaos``: the long form. Writes a JSON report, prints a table, fails on any loss or repeat."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ratecast_stack.children import free_port
from tests import brokers
from tests.bundles import write_bundle
from tests.chaos.broken_worker import BREAKS
from tests.chaos.faults import FAULTS
from tests.chaos.run import ChaosOptions, ChaosReport, run_chaos


def table(reports: list[ChaosReport]) -> Table:
    result = Table(title="faults, all runs", title_justify="left")
    for name in ("fault", "times", "slowest message: median s", "max s"):
        result.add_column(name, justify="left" if name == "fault" else "right")
    for kind in FAULTS:
        took = [fault.recovery_seconds for report in reports for fault in report.faults if fault.kind == kind]
        if took:
            result.add_row(kind, str(len(took)), f"{statistics.median(took):.1f}", f"{max(took):.1f}")
    return result


def runs(reports: list[ChaosReport]) -> Table:
    result = Table(title="runs", title_justify="left")
    for name in (
        "seed",
        "minutes",
        "published",
        "scored",
        "lost",
        "duplicated",
        "pending",
        "longest pause s",
        "gave up",
        "crashed",
    ):
        result.add_column(name, justify="right")
    for report in reports:
        result.add_row(
            str(report.seed), f"{report.seconds / 60:.1f}", f"{report.published:,}", f"{report.scored:,}",
            str(report.lost), str(report.duplicated), str(report.pending), f"{report.longest_pause_seconds:.1f}",
            str(report.workers_gave_up), str(len(report.workers_crashed)),
        )  # fmt: skip
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, action="append", help="of a run; repeatable (default: 1 2 3)")
    parser.add_argument(
        "--rounds", type=int, default=2, help="each has every fault once (default: %(default)s)"
    )
    parser.add_argument("--fault", action="append", choices=list(FAULTS), help="only these")
    parser.add_argument("--break", dest="broken", choices=BREAKS, help="break the guarantee on purpose")
    parser.add_argument("--rate", type=float, default=200, help="messages a second (default: %(default)s)")
    parser.add_argument(
        "--no-broker-seconds",
        type=float,
        default=60,
        help="how long no broker is there (default: %(default)s)",
    )
    parser.add_argument("--report", type=Path, default=Path(".ratecast/chaos.json"))
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)  # a file has no width: tables whole
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers that are gone are the point
    reports: list[ChaosReport] = []
    for seed in options.seed or [1, 2, 3]:
        chosen = ChaosOptions(
            seed=seed,
            rounds=options.rounds,
            rate=options.rate,
            no_broker_seconds=options.no_broker_seconds,
            faults=tuple(options.fault or FAULTS),
            broken=options.broken,
        )
        with tempfile.TemporaryDirectory(prefix="ratecast-chaos-") as home:
            directory = Path(home)
            write_bundle(directory / "models")
            ports = (free_port(), free_port(), free_port())
            console.print(f"seed {seed}: starting three brokers")
            logs = options.report.parent / f"chaos-{seed}"
            shutil.rmtree(logs, ignore_errors=True)
            logs.mkdir(parents=True)
            with brokers.three_brokers(directory / "kafka", ports) as cluster:
                report = asyncio.run(
                    run_chaos(cluster, ports, directory / "models", logs, chosen, console.print)
                )
                if not report.exactly_once:
                    cluster.stop()
                    shutil.copytree(directory / "kafka", logs / "kafka")
            for line in (*report.workers_crashed, *report.offenders):
                console.print(line, markup=False)
        reports.append(report)
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps([each.as_dict() for each in reports], indent=2) + "\n")
        console.print(runs(reports))
    console.print(table(reports))
    console.print(f"report: {options.report}, logs beside it")
    raise SystemExit(0 if all(report.exactly_once for report in reports) else 1)


if __name__ == "__main__":
    main()
