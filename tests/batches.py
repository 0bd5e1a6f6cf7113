"""Record batches byte by byte: what no client of ours would write."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from ratecast.kafka.client import wire_client

if TYPE_CHECKING:
    from ratecast.settings import Settings

LENGTH_AT, CRC_AT, ATTRIBUTES_AT, COUNT_AT, RECORDS_AT = 8, 17, 21, 57, 61


def batch_of(*values: bytes, headers: tuple = (), base: int = 0, codec: int = 0) -> bytes:
    now = int(
        time.time() * 1000
    )  # the embedded broker removes a batch dated before its retention within a second
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=10**6,
    )  # fmt: skip
    for number, value in enumerate(values):
        builder.append(number, now + number, b"k", value, list(headers))
    data = bytearray(builder.build())
    struct.pack_into(">q", data, 0, base)
    return bytes(data)


def altered(data: bytes, at: int, *values: int) -> bytes:
    changed = bytearray(data)
    changed[at : at + len(values)] = bytes(values)
    struct.pack_into(">I", changed, CRC_AT, calc_crc32c(bytes(changed[ATTRIBUTES_AT:])))
    return bytes(changed)


async def publish_batch(settings: Settings, partition: int, batch: bytes) -> None:
    """Write a batch to the input topic as it is."""
    topics = [(settings.input_topic, [(partition, batch)])]
    async with wire_client(settings) as client:
        client.add_topic(settings.input_topic)
        await client.force_metadata_update()
        request = ProduceRequest(transactional_id=None, required_acks=-1, timeout=10_000, topics=topics)
        response = await client.send(client.get_random_node(), request)
    ((_, ((_, error_code, *_),)),) = response.topics
    assert error_code == 0
