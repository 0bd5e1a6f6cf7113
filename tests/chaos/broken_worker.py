"""The worker with its guarantee broken on purpose, to see that a chaos run notices: ``--break`` chooses how.

- ``one-id-a-worker``: transactional ids name the worker, not the partition, so that nobody fences a zombie.
- ``commit-outside``: the offset is committed by the consumer, after the transaction.
- ``no-seek``: after fencing its predecessor a pipeline begins where the client happens to stand.
"""

from __future__ import annotations

import os
from typing import Any

from consumer import start_finder, transactions, worker
from consumer.publishing import send
from consumer.start_position import Start
from ratecast.contract.commit_note import CommitNote
from ratecast.kafka import consumers
from tests.chaos import armed_worker

BREAKS = ("one-id-a-worker", "commit-outside", "no-seek")
VARIABLE = "RATECAST_CHAOS_BREAK"


def _one_id_a_worker() -> None:
    producer = transactions.AIOKafkaProducer

    def named_after_the_worker(**options: Any) -> Any:
        options["transactional_id"] += f"-{os.getpid()}"
        return producer(**options)

    transactions.AIOKafkaProducer = named_after_the_worker


def _commit_outside() -> None:
    async def publish(self: Any, outgoing: Any, progress: Any, _: Any) -> None:
        await self._producer.begin_transaction()
        for out in outgoing:
            for delivery in await send(self._producer, out):
                await delivery
        await self._producer.commit_transaction()
        armed_worker._spring("sent")
        await self.consumer.commit({self._source: (progress.next_offset, progress.note)})

    make = worker.Worker._new_publisher

    def new_publisher(self: Any, source: Any) -> Any:
        publisher = make(self, source)
        publisher.consumer = self._consumer
        return publisher

    transactions.PartitionTransactions.publish = publish
    worker.Worker._new_publisher = new_publisher


def _no_seek() -> None:
    async def stay(self: Any, source: Any, *_: Any) -> Start:
        return Start(await self._consumer.position(source), CommitNote())

    consumer = consumers.AIOKafkaConsumer

    def with_a_position(**options: Any) -> Any:
        return consumer(**{**options, "auto_offset_reset": "earliest"})

    consumers.AIOKafkaConsumer = with_a_position
    start_finder.StartFinder.find = stay


def main() -> None:
    {"one-id-a-worker": _one_id_a_worker, "commit-outside": _commit_outside, "no-seek": _no_seek}[
        os.environ[VARIABLE]
    ]()
    armed_worker.main()


if __name__ == "__main__":
    main()
