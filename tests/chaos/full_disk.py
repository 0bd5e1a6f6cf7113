"""``python -m tests.chaos.full_disk``: a broker's disk fills up under load and is freed again, several times. Needs root.

The broker's directory is a file system in memory of a fixed size. Exits with 1 if a message is lost, repeated or left
over, or if a worker has ended.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

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

_LIMIT_SECONDS = 120.0
_CALM_SECONDS = 12.0


async def fill_again_and_again(
    cluster: JvmCluster, settings: Settings, disk: Path, log_dir: Path, rounds: int
) -> tuple[Audit, Fleet]:
    """Returns what `verify` counts after the last round, and the workers, which have ended."""
    await ensure_topics(settings)
    fleet = Fleet(settings, log_dir, settings.bootstrap_servers)
    feed = Feed(settings, list(LEVELS), 300)
    try:
        for _ in range(2):
            await fleet.start()
        feeding = asyncio.create_task(feed.run())
        for number in range(rounds):
            await asyncio.sleep(_CALM_SECONDS)
            await asyncio.to_thread(_fill, disk / "filler")
            await _until_ended(cluster)
            (disk / "filler").unlink()
            cluster.start_broker(1, wait=False)
            await asyncio.to_thread(cluster.wait_until_serving, 1)
            print(f"round {number + 1}: the broker has ended on a full disk and is back")
        await asyncio.sleep(_CALM_SECONDS)
        feed.stop()
        await feeding
        return await settled(settings), fleet
    finally:
        await fleet.stop()


def _fill(path: Path) -> None:
    try:
        with path.open("wb", buffering=0) as filler:
            while filler.write(bytes(2**16)):
                pass
    except OSError as error:
        print(error.strerror)


async def _until_ended(cluster: JvmCluster) -> None:
    """Wait until Kafka has stopped itself, which it does when its only directory fails."""
    deadline = time.monotonic() + _LIMIT_SECONDS
    while cluster.exit_code() is None:
        assert time.monotonic() < deadline, "the broker has survived a full disk"
        await asyncio.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often (default: %(default)s)")
    options = parser.parse_args()
    if os.geteuid():
        parser.error("only root can mount a file system")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="ratecast-full-disk-") as home:
        directory = Path(home)
        write_bundle(directory / "models")
        disk = directory / "kafka" / "broker-1"
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", disk], check=True)
        try:
            with JvmCluster(directory / "kafka") as cluster:
                settings = settings_of_its_own(cluster.bootstrap_servers, directory / "models")
                counted, fleet = asyncio.run(
                    fill_again_and_again(cluster, settings, disk, directory, options.rounds)
                )
        finally:
            subprocess.run(["umount", "-l", disk], check=True)
    print(
        f"published {counted.published:,}, scored {counted.scored:,}, lost {len(counted.lost)}, "
        f"duplicated {len(counted.duplicated)}, pending {len(counted.pending)}; workers that gave up: {fleet.gave_up}"
    )
    for line in fleet.crashed:
        print(line)
    raise SystemExit(0 if counted.exactly_once and not fleet.gave_up and not fleet.crashed else 1)


if __name__ == "__main__":
    main()
