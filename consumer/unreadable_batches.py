"""Batches that a poll cannot get past: which errors say so, and what to do about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError, UnsupportedCodecError

if TYPE_CHECKING:
    from ratecast.settings import Settings


class UnreadableBatchError(KafkaError):  # type: ignore[misc]
    """A batch of one partition cannot be read, and trying other partitions or another worker does not help."""


def is_unreadable(error: Exception) -> bool:
    """Whether an error that a poll raised is about the bytes it got.

    The client's parser lets out whatever its codecs and its decoding raise; what is no KafkaError came from there.
    """
    if isinstance(error, KafkaError):
        return isinstance(error, CorruptRecordException | RecordTooLargeError | UnsupportedCodecError)
    return True


def unreadable(place: str, error: Exception, settings: Settings) -> UnreadableBatchError:
    """The error of a batch that tolerant reading does not get past either, with its remedy.

    Args:
        place: topic, partition and offset.
        error: what the poll raised.
        settings: limits.
    """
    if isinstance(error, RecordTooLargeError):
        fault = f"the record is larger than a fetch of {settings.max_partition_fetch_bytes} bytes"
        remedy = "raise RATECAST_MAX_PARTITION_FETCH_BYTES"
    elif isinstance(error, CorruptRecordException):
        fault = "the batch's checksum is wrong, its bytes changed after they were written"
        remedy = "check the disk and the replicas of the partition's leader, or set the group's offset behind the batch"
    else:
        fault, remedy = (
            f"the batch cannot be read ({error!r})",
            "set the group's offset behind it to go on without it",
        )
    return UnreadableBatchError(f"{place}: {fault}: {remedy}")
