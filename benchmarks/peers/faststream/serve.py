"""Serves the forest with FastStream: its Kafka tutorial's subscriber and publisher around one function.

A message a call is what the tutorial shows (https://faststream.ag2.ai/latest/kafka/). ``batches`` asks for batches
(https://faststream.ag2.ai/latest/kafka/Subscriber/batch_subscriber/), so that the forest is called once for up to 500
messages. Everything else is left as it is: records are acknowledged before they are handled, and there are no transactions.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from faststream import FastStream
from faststream.kafka import KafkaBroker

from benchmarks.peers.forest import Forest

MOST_RECORDS = 500
# The batch publisher fills one batch of this size and fails for what does not fit; the client's default of 16 kB holds about
# a hundred answers.
BATCH_BYTES = 1_000_000


def main(bootstrap_servers: str, source: str, target: str, group: str, model: str, how: str) -> None:
    forest = Forest(model)
    begin = {"group_id": group, "auto_offset_reset": "earliest"}
    if how == "FastStream, batches":
        broker = KafkaBroker(bootstrap_servers, max_batch_size=BATCH_BYTES)

        @broker.publisher(target, batch=True)
        @broker.subscriber(source, batch=True, max_records=MOST_RECORDS, **begin)
        async def handle_batch(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return forest.answers([message["history"] for message in messages])
    else:
        broker = KafkaBroker(bootstrap_servers)

        @broker.publisher(target)
        @broker.subscriber(source, **begin)
        async def handle(message: dict[str, Any]) -> dict[str, Any]:
            return forest.answers([message["history"]])[0]

    asyncio.run(FastStream(broker).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
