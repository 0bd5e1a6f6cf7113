"""Is the Kafka client installed in full? What is missing shows late and far from its cause otherwise."""

from __future__ import annotations

import logging

from aiokafka import codec
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy

from ratecast.errors import UsageError

log = logging.getLogger(__name__)


def check() -> None:
    """Refuse to work without the compression codecs, and complain about a slow client.

    Raises:
        UsageError: batches that others compress could not be read.
    """
    if not (codec.has_lz4() and codec.has_snappy() and codec.has_zstd()):
        raise UsageError(
            "the codecs of lz4, snappy and zstd are not installed, so compressed batches could not be read: "
            "pip install cramjam"
        )
    if DefaultRecordBatch is _DefaultRecordBatchPy:
        log.error(
            "aiokafka runs without its C extension, about a hundred times slower: reinstall it from a wheel"
        )
