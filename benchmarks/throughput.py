"""Measures throughput and latency of the worker and of a plain client in one run on one broker.

Each program is one process that reads the same topic of messages with 61 real rates. A run is measured from the first
committed output to the last one, so that start-up does not count. Runs alternate, and medians are printed. Processor
time is that of the process over the same period: on a busy machine it varies less than messages per second.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from producer.plan import histories
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.errors import RatecastError, UsageError
from ratecast.kafka.client import client_options
from ratecast.kafka.topics import ensure_topics
from ratecast.model.bundle import load
from ratecast.rates.tables import load_ecb
from ratecast.settings import Settings, load_settings
from ratecast_stack.embedded import EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
PEERS = "peers, same forest, measured once by the authors: FastStream 73, Quix Streams 79, MLServer 110 msg/s"


@contextmanager
def running(program: str, settings: Settings, output: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs the worker or the echo as a process that reads the input topic from its beginning and writes to ``output``."""
    group = f"bench-{uuid.uuid4().hex[:8]}"
    environment = {
        **os.environ,
        "RATECAST_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "RATECAST_INPUT_TOPIC": settings.input_topic,
        "RATECAST_OUTPUT_TOPIC": output,
        "RATECAST_GROUP_ID": group,
        "RATECAST_MODELS_DIR": str(settings.models_dir),
        "RATECAST_LOG_LEVEL": "ERROR",
    }
    if program == "worker, at least once":
        environment["RATECAST_GUARANTEE"] = "at-least-once"
    command = {
        "echo": [str(HERE / "echo.py"), settings.bootstrap_servers, settings.input_topic, output, group],
        "worker, no metrics": [str(HERE / "worker_without_metrics.py")],
    }.get(program, ["-m", "ratecast", "worker", "--http-port", "0"])
    process = subprocess.Popen([sys.executable, *command], env=environment, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    """Returns the user and system time that a running process has used in seconds; NaN without /proc."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def throughput(program: str, settings: Settings, messages: int) -> tuple[float, float]:
    """Returns messages per second, and microseconds of processor time per message."""
    output = await new_output(settings)
    partitions = [TopicPartition(output, number) for number in range(settings.topic_partitions)]
    consumer = AIOKafkaConsumer(**client_options(settings), isolation_level="read_committed")
    await consumer.start()
    consumer.assign(partitions)
    try:
        first: tuple[float, float, int] | None = None
        with running(program, settings, output) as process:
            seen = 0
            while seen < messages:
                polled = await asyncio.wait_for(consumer.getmany(timeout_ms=500), 120)
                seen += sum(map(len, polled.values()))
                if seen and first is None:
                    first = time.perf_counter(), cpu_seconds(process), seen
            if first is None or first[2] == messages:
                raise SystemExit("all messages came in one batch: use more --messages")
            counted = messages - first[2]
            used = cpu_seconds(process) - first[1]
            return counted / (time.perf_counter() - first[0]), 1e6 * used / counted
    finally:
        await consumer.stop()


async def latency(program: str, settings: Settings, lone: int) -> list[float]:
    """Returns milliseconds from sending a single message until its output can be read, after a warm-up."""
    lone_settings = settings.model_copy(update={"input_topic": f"lone-{uuid.uuid4().hex[:8]}"})
    output = await new_output(lone_settings)
    table = load_ecb()
    plan = histories.plan(table, ["EUR/GBP"])
    consumer = AIOKafkaConsumer(output, **client_options(lone_settings), isolation_level="read_committed")
    producer = AIOKafkaProducer(**client_options(lone_settings), acks="all")
    await consumer.start()
    await producer.start()
    took = []
    try:
        with running(program, lone_settings, output):
            for message in plan.messages(0, lone + 20):
                sent = time.perf_counter()
                await producer.send(lone_settings.input_topic, message.value, key=message.key)
                await asyncio.wait_for(consumer.getone(), 60)
                took.append((time.perf_counter() - sent) * 1000)
    finally:
        await producer.stop()
        await consumer.stop()
    return took[20:]


async def new_output(settings: Settings) -> str:
    """Creates a new output topic, and the other topics if they are missing."""
    output = f"out-{uuid.uuid4().hex[:8]}"
    await ensure_topics(settings.model_copy(update={"output_topic": output}))
    return output


async def compare(settings: Settings, options: argparse.Namespace, console: Console) -> None:
    plan = histories.plan(load_ecb(), options.pairs, start=dt.date(2017, 1, 1))
    laps = -(-options.messages // len(plan))
    total = 0
    for _ in range(laps):
        total += (await replay(settings, plan, Pace())).messages
    console.print(f"{total:,} messages of 61 rates in {settings.topic_partitions} partitions")
    programs = ("echo", "worker", "worker, at least once", "worker, no metrics")
    rounds: dict[str, list[float]] = {program: [] for program in programs}
    cpu: dict[str, list[float]] = {program: [] for program in programs}
    for number in range(options.rounds):
        for program, results in rounds.items():
            rate, used = await throughput(program, settings, total)
            results.append(rate)
            cpu[program].append(used)
            console.print(
                f"round {number + 1}: {program} {rate:,.0f} msg/s, {used:.1f} us of processor time per message"
            )
    lone = {program: await latency(program, settings, options.lone) for program in rounds}
    table = Table("", "msg/s (median)", "min", "max", "cpu us", "single message p50 ms", "p99 ms")
    for program, results in rounds.items():
        cuts = statistics.quantiles(lone[program], n=100)
        cells: list[Any] = [statistics.median(results), min(results), max(results)]
        figures = statistics.median(cpu[program]), cuts[49], cuts[98]
        table.add_row(program, *(f"{cell:,.0f}" for cell in cells), *(f"{figure:.1f}" for figure in figures))
    console.print(table)
    ratio = statistics.median(rounds["worker"]) / statistics.median(rounds["echo"])
    slower = statistics.median(lone["worker"]) / statistics.median(lone["echo"])
    once = statistics.median(rounds["worker, at least once"]) / statistics.median(rounds["worker"])
    console.print(f"throughput worker / echo: {ratio:.2f}    latency worker / echo: {slower:.2f}")
    silent = statistics.median(rounds["worker"]) / statistics.median(rounds["worker, no metrics"])
    metered = statistics.median(cpu["worker"]) / statistics.median(cpu["worker, no metrics"])
    console.print(f"throughput at least once / exactly once: {once:.2f}")
    console.print(f"with / without metrics: throughput {silent:.3f}    processor {metered:.3f}")
    console.print(PEERS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--messages",
        type=int,
        default=18_000,
        help="least number of messages in a run (default: %(default)s)",
    )
    parser.add_argument("--rounds", type=int, default=3, help="runs of each program (default: %(default)s)")
    parser.add_argument(
        "--lone", type=int, default=300, help="single messages to measure latency with (default: %(default)s)"
    )
    parser.add_argument(
        "--bootstrap-servers", help="use this running broker (default: start an embedded one)"
    )
    options = parser.parse_args()
    console = Console()
    base = load_settings(topic_partitions=4, input_topic=f"in-{uuid.uuid4().hex[:8]}")
    base = base.model_copy(update={"models_dir": base.models_dir.resolve()})
    try:
        options.pairs = list(load(base.models_dir).stats.pairs)[:8]
    except RatecastError as error:
        parser.error(str(error))
    given = options.bootstrap_servers
    with tempfile.TemporaryDirectory() as home:
        embedded = nullcontext() if given else EmbeddedBroker(Path(home))
        with embedded as broker:
            servers = given or getattr(broker, "bootstrap_servers", None)
            if servers is None:
                raise UsageError("no broker")
            asyncio.run(compare(base.model_copy(update={"bootstrap_servers": servers}), options, console))


if __name__ == "__main__":
    main()
