"""Workers that are known to their group by a fixed name (RATECAST_GROUP_INSTANCE_ID), on both engines."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import NewPartitions

from consumer import group_client, group_coverage
from consumer.worker import Worker
from ratecast.errors import JoinRefusedError
from ratecast.kafka.client import admin
from tests.bad_records import GOOD
from tests.integration.workers import publish, read, running_worker, until


def named(settings, name: str, **others):
    return settings.model_copy(
        update={"group_instance_id": name, "session_timeout_ms": 6000, "topic_partitions": 4, **others}
    )


def assigned(worker: Worker) -> list[int]:
    return worker.readiness()["assigned"] or []


def rebalances(worker: Worker) -> float:
    return worker.metrics.rebalances._value.get()


async def test_a_restart_within_the_session_moves_no_partition_and_interrupts_no_other_worker(settings):
    async with running_worker(named(settings, "b")) as staying:
        async with running_worker(named(settings, "a")) as first:
            await until(lambda: len(assigned(staying)) == len(assigned(first)) == 2)
            before, interruptions = (assigned(staying), assigned(first)), rebalances(staying)
        async with running_worker(named(settings, "a")) as second:
            await publish(settings, [(None, GOOD, []) for _ in range(40)])
            await read(settings, settings.output_topic, 40)
            assert (assigned(staying), assigned(second)) == before
            assert rebalances(staying) == interruptions


@pytest.mark.parametrize("guarantee", ["exactly-once", "at-least-once"])
async def test_a_second_worker_with_the_name_ends_the_first_with_one_line_and_stays(settings, guarantee):
    settings = named(settings, "a", guarantee=guarantee)
    first = Worker(settings)
    running = asyncio.create_task(first.run())
    await until(lambda: first.readiness()["ready"])
    async with running_worker(settings) as second:
        await until(running.done)
        with pytest.raises(JoinRefusedError) as ended:
            await running
        assert str(ended.value) == (
            f"another process has joined group {settings.group_id} as a: "
            "give each worker a RATECAST_GROUP_INSTANCE_ID of its own"
        )
        await publish(settings, [(None, GOOD, []) for _ in range(40)])
        assert len(await read(settings, settings.output_topic, 40)) == 40
        assert (rebalances(second), assigned(second)) == (1, [0, 1, 2, 3])


async def test_partitions_that_are_added_after_the_leader_was_restarted_are_read(settings, monkeypatch):
    monkeypatch.setattr(group_client, "_METADATA_MAX_AGE_MS", 300)
    monkeypatch.setattr(group_coverage, "_CHECK_SECONDS", 0.3)
    settings = named(settings, "a")
    async with running_worker(settings):
        pass
    async with running_worker(settings) as worker:
        async with admin(settings) as client:
            await client.create_partitions({settings.input_topic: NewPartitions(6)})
        await until(lambda: assigned(worker) == [0, 1, 2, 3, 4, 5])
        await publish(settings, [(None, GOOD, [])], partition=5)
        assert len(await read(settings, settings.output_topic, 1)) == 1
