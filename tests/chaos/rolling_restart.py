"""``python -m tests.chaos.rolling_restart``: three workers under load are restarted one after another, and what it cost.

Prints the longest pause of the output, of all partitions together and of the slowest one, and what `verify` counts.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ratecast.kafka.reader import read_topic
from ratecast.kafka.topics import ensure_topics
from ratecast_stack.jvm.cluster import JvmCluster
from tests.brokers import settings_of_its_own
from tests.bundles import LEVELS, write_bundle
from tests.chaos.feed import Feed
from tests.chaos.fleet import Fleet
from tests.chaos.settled import settled

if TYPE_CHECKING:
    from ratecast.kafka.audit_result import Audit
    from ratecast.settings import Settings
    from tests.chaos.fleet import Member

_WORKERS = 3


@dataclass(frozen=True)
class Rollout:
    """What a rolling restart cost.

    Attributes:
        counted: what `verify` counts afterwards.
        pause_seconds: the longest time without any output.
        partition_pause_seconds: the longest time without output of one partition.
        interruptions: how often a worker that was not being restarted lost its partitions.
        crashed: workers that ended otherwise than by request.
    """

    counted: Audit
    pause_seconds: float
    partition_pause_seconds: float
    interruptions: int
    crashed: list[str]


async def restart_all(settings: Settings, log_dir: Path, rate: float, *, named: bool = True) -> Rollout:
    """Restart three workers one after another while messages arrive.

    Args:
        settings: brokers, topics, group and model.
        log_dir: where each worker's log goes.
        rate: messages a second.
        named: whether the workers are static members of the group.
    """
    await ensure_topics(settings)
    fleet = Fleet(settings, log_dir, settings.bootstrap_servers)
    names = [f"worker-{number}" if named else None for number in range(_WORKERS)]
    feed = Feed(settings, list(LEVELS), rate)
    try:
        workers = [await fleet.start(name=name) for name in names]
        for worker in workers:
            await worker.until_assigned()
        feeding = asyncio.create_task(feed.run())
        began = time.time()
        await asyncio.sleep(2)
        interruptions = 0
        for place, name in enumerate(names):
            others = [worker for worker in workers if worker is not workers[place]]
            before = sum(map(_assignments, others))
            await fleet.remove(workers[place])
            workers[place] = await fleet.start(name=name)
            await workers[place].until_assigned()
            await asyncio.sleep(2)
            interruptions += sum(map(_assignments, others)) - before
        ended = time.time()
        feed.stop()
        await feeding
        counted = await settled(settings)
        pause, partition_pause = await _pauses(settings, began, ended)
        return Rollout(counted, pause, partition_pause, interruptions, fleet.crashed)
    finally:
        await fleet.stop()


def _assignments(worker: Member) -> int:
    return worker.log.read_text(errors="replace").count("assigned partitions: ")


async def _pauses(settings: Settings, began: float, ended: float) -> tuple[float, float]:
    """Returns the longest pause in seconds, of all partitions together and of the slowest one, while there was input."""
    came: dict[int, list[float]] = defaultdict(list)
    async for record in read_topic(settings, settings.output_topic, from_beginning=True, follow=False):
        came[record.partition].append(record.timestamp / 1000)
    together = [at for times in came.values() for at in times]
    return _longest(together, began, ended), max(_longest(times, began, ended) for times in came.values())


def _longest(times: list[float], began: float, ended: float) -> float:
    inside = [at for at in times if began < at < ended]
    return float(np.diff(np.sort([began, *inside, ended])).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=300, help="messages a second (default: %(default)s)")
    parser.add_argument(
        "--session-seconds", type=float, default=30, help="session timeout (default: %(default)s)"
    )
    parser.add_argument("--nameless", action="store_true", help="without static membership, to compare")
    options = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="ratecast-rollout-") as home:
        directory = Path(home)
        write_bundle(directory / "models")
        with JvmCluster(directory / "kafka") as cluster:
            settings = settings_of_its_own(
                cluster.bootstrap_servers,
                directory / "models",
                topic_partitions=6,
                session_timeout_ms=int(1000 * options.session_seconds),
            )
            rollout = asyncio.run(restart_all(settings, directory, options.rate, named=not options.nameless))
    counted = rollout.counted
    print(
        f"published {counted.published:,}, scored {counted.scored:,}, lost {len(counted.lost)}, "
        f"duplicated {len(counted.duplicated)}, pending {len(counted.pending)}\n"
        f"longest pause of the output: {rollout.pause_seconds:.2f} s, of one partition: "
        f"{rollout.partition_pause_seconds:.2f} s\n"
        f"workers interrupted by the restart of another: {rollout.interruptions}"
    )
    for line in rollout.crashed:
        print(line)
    raise SystemExit(0 if counted.exactly_once and not rollout.crashed else 1)


if __name__ == "__main__":
    main()
