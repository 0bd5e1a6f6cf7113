from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from producer.plan import histories
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.kafka.client import admin
from ratecast.kafka.topics import ensure_topics
from ratecast.rates.tables import load_ecb
from tests.bundles import LEVELS
from tests.integration.test_processes import finish, free_port, start
from tests.integration.workers import until

WAITING = 100_000
ALLOWED_MIB = 150


def status_mib(pid: int, field: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


async def committed(settings) -> int:
    async with admin(settings) as client:
        offsets = await client.list_consumer_group_offsets(settings.group_id)
    return sum(offset.offset for offset in offsets.values() if offset.offset > 0)


@pytest.mark.timeout(300)
@pytest.mark.apache_kafka  # the embedded broker answers a fetch with all it has, whatever limit it is given
async def test_a_hundred_thousand_waiting_messages_do_not_fill_the_memory(settings) -> None:
    await ensure_topics(settings)
    idle = await start(settings, "worker", "--http-port", str(free_port()))
    assert idle.stderr is not None
    while "assigned" not in (await idle.stderr.readline()).decode():
        pass
    idle_mib = status_mib(idle.pid, "VmRSS")
    idle.terminate()
    assert (await finish(idle))[0] == 0

    plan, total = histories.plan(load_ecb(), list(LEVELS)), 0
    while total < WAITING:
        total += (await replay(settings, plan, Pace())).messages
    busy = await start(settings, "worker", "--http-port", "0")
    peak = 0.0

    def peak_so_far() -> float:
        nonlocal peak
        peak = max(peak, status_mib(busy.pid, "VmHWM"))
        return peak

    async def drained() -> None:
        while await committed(settings) < total:
            peak_so_far()
            await asyncio.sleep(0.2)

    await asyncio.wait_for(drained(), 200)
    await until(peak_so_far)
    busy.terminate()
    assert (await finish(busy))[0] == 0
    print(f"idle {idle_mib:.0f} MiB, peak while draining {total:,} messages {peak:.0f} MiB")
    assert peak - idle_mib < ALLOWED_MIB
