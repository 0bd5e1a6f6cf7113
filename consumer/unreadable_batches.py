"""Recognises batches that cannot be read, and names the cause and the remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiokafka.errors import CorruptRecordException, KafkaError, RecordTooLargeError, UnsupportedCodecError

if TYPE_CHECKING:
    from ratecast.settings import Settings


class UnreadableBatchError(KafkaError):  # type: ignore[misc]
    """A batch of one partition cannot be read. Another worker could not read it either."""


def is_unreadable(error: Exception) -> bool:
    """Return whether an error raised by a poll is about the bytes it fetched.

    The client's parser does not wrap what its codecs and decoders raise, so anything but a KafkaError comes from it.
    """
    if isinstance(error, KafkaError):
        return isinstance(error, CorruptRecordException | RecordTooLargeError | UnsupportedCodecError)
    return True


def unreadable(place: str, error: Exception, settings: Settings) -> UnreadableBatchError:
    """Return the error for a batch that tolerant reading cannot read either, with its remedy.

    Args:
        place: Topic, partition and offset.
        error: What the poll raised.
        settings: The limits to name.
    """
    if isinstance(error, RecordTooLargeError):
        fault = f"the record is larger than a fetch of {settings.max_partition_fetch_bytes} bytes"
        remedy = "raise RATECAST_MAX_PARTITION_FETCH_BYTES"
    elif isinstance(error, CorruptRecordException):
        fault = "the batch's checksum is wrong because its bytes changed after they were written"
        remedy = "check the disk and the replicas of the partition's leader, or move the group's offset past the batch"
    else:
        fault, remedy = (
            f"the batch cannot be read ({error!r})",
            "move the group's offset past it to skip it",
        )
    return UnreadableBatchError(f"{place}: {fault}: {remedy}")
