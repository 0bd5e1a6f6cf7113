"""The faults. Each one is done, lasts, and is over when its coroutine returns; the system may still recover."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aiokafka import TopicPartition
from aiokafka.client import CoordinationType

from consumer.transactions import PartitionTransactions
from ratecast.kafka.client import wire_client
from tests.chaos.armed_worker import TRAPS

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from ratecast_stack.jvm.cluster import JvmCluster
    from tests.chaos.fleet import Fleet, Member
    from tests.chaos.proxy import Proxy

_TRAP_LIMIT_SECONDS = 10.0


@dataclass
class Scene:
    """What faults act on."""

    cluster: JvmCluster
    fleet: Fleet
    proxies: list[Proxy]
    generator: random.Random
    no_broker_seconds: float
    notes: list[str]

    def victim(self, *, proxied: bool = False) -> Member:
        """A random running worker; the one behind the proxy only when asked for."""
        return self.generator.choice([m for m in self.fleet.members if m.proxied == proxied])


async def _trap(scene: Scene, number: int) -> Member:
    """Arm a trap in a worker; one that never comes to that point (it owns nothing) is sprung by hand."""
    victim = scene.victim()
    victim.expected_to_end = TRAPS[number][1] == signal.SIGKILL
    victim.send(number)
    if victim.expected_to_end:
        try:
            await asyncio.wait_for(victim.process.wait(), _TRAP_LIMIT_SECONDS)
        except TimeoutError:
            victim.send(signal.SIGKILL)
            await victim.process.wait()
    return victim


async def _kill_at(scene: Scene, number: int) -> None:
    await _trap(scene, number)
    await asyncio.sleep(scene.generator.uniform(0, 2))
    await scene.fleet.start()


async def kill_polling(scene: Scene) -> None:
    """kill -9 while it waits for records."""
    await _kill_at(scene, signal.SIGRTMIN + 1)


async def kill_between_send_and_commit(scene: Scene) -> None:
    """kill -9 when all is sent and acknowledged, before the commit is asked for."""
    await _kill_at(scene, signal.SIGRTMIN + 2)


async def kill_inside_commit(scene: Scene) -> None:
    """kill -9 while the commit is on its way, outcome unknown."""
    await _kill_at(scene, signal.SIGRTMIN + 3)


async def zombie(scene: Scene) -> None:
    """Freeze a worker between send and commit for longer than its session, then let it go on."""
    victim = await _trap(scene, signal.SIGRTMIN + 4)
    for _ in range(int(_TRAP_LIMIT_SECONDS / 0.1)):
        if _is_frozen(victim):
            break
        await asyncio.sleep(0.1)
    else:
        victim.send(signal.SIGSTOP)
    await asyncio.sleep(scene.fleet.settings.session_timeout_ms / 1000 * 1.5 + 1)
    victim.send(signal.SIGCONT)
    await asyncio.sleep(5)
    scene.notes.append(
        "zombie fenced" if victim.says("another worker fenced this one") else "zombie had nothing open"
    )


def _is_frozen(member: Member) -> bool:
    try:
        stat = Path(f"/proc/{member.process.pid}/stat").read_text()
    except OSError:
        return True
    return stat.rsplit(")", 1)[1].split()[0] == "T"


async def fence_all(scene: Scene) -> None:
    """Somebody starts a producer under every partition's transactional id and goes away: a zombie's last act."""
    settings = scene.fleet.settings
    for partition in range(settings.topic_partitions):
        intruder = PartitionTransactions(settings, TopicPartition(settings.input_topic, partition))
        try:
            await intruder.start()
        finally:
            await intruder.stop()


async def terminate(scene: Scene) -> None:
    """SIGTERM, and another worker in its place."""
    code = await scene.fleet.remove(scene.victim())
    if code != 0:
        scene.notes.append(f"SIGTERM ended a worker with {code}")
    await scene.fleet.start()


async def add_worker(scene: Scene) -> None:
    """One more worker joins; it leaves again later in `remove_worker` or here when there are too many."""
    await scene.fleet.start()
    if len(scene.fleet.members) > 5:
        await scene.fleet.remove(scene.victim())


async def remove_worker(scene: Scene) -> None:
    """A worker leaves for good, unless too few would be left."""
    if len(scene.fleet.members) <= 3:
        await scene.fleet.start()
    await scene.fleet.remove(scene.victim())


async def kill_broker(scene: Scene) -> None:
    """kill -9 one of the three brokers, and bring it back."""
    number = scene.generator.choice([1, 2, 3])
    scene.cluster.kill(number)
    await asyncio.sleep(scene.generator.uniform(2, 8))
    await _restart(scene, number)


async def stop_coordinator(scene: Scene) -> None:
    """Stop the broker that coordinates one partition's transactions, in order, and bring it back."""
    settings = scene.fleet.settings
    partition = scene.generator.randrange(settings.topic_partitions)
    name = f"{settings.group_id}-{settings.input_topic}-{partition}"
    async with wire_client(settings) as client:
        number = await client.coordinator_lookup(CoordinationType.TRANSACTION, name)
    await asyncio.to_thread(scene.cluster.stop_broker, number)
    await asyncio.sleep(scene.generator.uniform(2, 6))
    await _restart(scene, number)


async def cut_worker(scene: Scene) -> None:
    """Cut one worker off from all brokers for longer than its session."""
    for proxy in scene.proxies:
        await proxy.cut()
    await asyncio.sleep(scene.fleet.settings.session_timeout_ms / 1000 * scene.generator.uniform(1.2, 2.0))
    for proxy in scene.proxies:
        proxy.mend()


async def no_brokers(scene: Scene) -> None:
    """Every broker is killed; none is there for a while."""
    for number in (1, 2, 3):
        scene.cluster.kill(number)
    await asyncio.sleep(scene.no_broker_seconds)
    await _restart(scene, 1, 2, 3)


async def _restart(scene: Scene, *numbers: int) -> None:
    # Started from this thread, which lives on: the kernel ends a child with the thread that started it.
    for number in numbers:
        scene.cluster.start_broker(number, wait=False)
    await asyncio.to_thread(scene.cluster.wait_until_serving, *numbers)
    while not await asyncio.to_thread(scene.cluster.in_sync):
        await asyncio.sleep(0.5)


FAULTS: dict[str, Callable[[Scene], Awaitable[None]]] = {
    fault.__name__: fault
    for fault in (
        kill_polling,
        kill_between_send_and_commit,
        kill_inside_commit,
        zombie,
        fence_all,
        terminate,
        add_worker,
        remove_worker,
        kill_broker,
        stop_coordinator,
        cut_worker,
        no_brokers,
    )
}
