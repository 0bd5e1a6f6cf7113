"""Records of a topic as a worker reads them, made from the ECB's rates, without a broker."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING

from aiokafka import ConsumerRecord

from producer.plan import histories
from ratecast.rates.tables import load_ecb

if TYPE_CHECKING:
    from ratecast.contract.record import Record
    from ratecast.model.bundle import Bundle


def replayed_records(bundle: Bundle, most: int) -> list[Record]:
    """Returns messages of 61 rates of the bundle's pairs from 2017 on, at most ``most``, all published now."""
    plan = histories.plan(load_ecb(), list(bundle.stats.pairs), start=dt.date(2017, 1, 1))
    now = int(time.time() * 1000)
    return [
        ConsumerRecord(
            topic="rates",
            partition=0,
            offset=offset,
            timestamp=now,
            timestamp_type=1,
            key=message.key,
            value=message.value,
            checksum=None,
            serialized_key_size=len(message.key),
            serialized_value_size=len(message.value),
            headers=(),
        )
        for offset, message in enumerate(plan.messages(0, min(most, len(plan))))
    ]
