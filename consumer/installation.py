"""Checks that the Kafka client is fully installed: a missing part would otherwise cause obscure failures later."""

from __future__ import annotations

import logging

from aiokafka import codec

from ratecast.errors import UsageError
from ratecast.kafka.aiokafka_seams import has_c_extension

log = logging.getLogger(__name__)


def check() -> None:
    """Fail if a compression codec is missing, and log an error if the client is slow.

    Raises:
        UsageError: compressed batches could not be read.
    """
    if not (codec.has_lz4() and codec.has_snappy() and codec.has_zstd()):
        raise UsageError(
            "the codecs lz4, snappy and zstd are not installed, so compressed batches could not be read: "
            "pip install cramjam"
        )
    if not has_c_extension():
        log.error(
            "aiokafka runs without its C extension and is about a hundred times slower: reinstall it from a wheel"
        )
