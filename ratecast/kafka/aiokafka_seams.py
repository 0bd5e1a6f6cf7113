"""Every private attribute of aiokafka that ratecast uses, one function each, and why the public API is not enough.

The minor version of aiokafka is pinned because of this module. `tests/ratecast/kafka/test_aiokafka_seams.py` fails when
a new version changes one of these attributes. Issue numbers are those of the repository aio-libs/aiokafka.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiokafka import client, conn
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException, KafkaError
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint_py

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    FetchOnce = Callable[..., Awaitable[bool]]
    Connect = Callable[..., Awaitable[Any]]
    Send = Callable[[Any], Awaitable[Any]]


def consumer_client(consumer: Any) -> Any:
    """Returns the AIOKafkaClient of an AIOKafkaConsumer, which holds its connections.

    A producer has the public attribute ``client``; a consumer has none. It is needed to send a request that the
    consumer has no method for, and to close a consumer whose ``stop()`` raised CancelledError (#647).
    """
    return consumer._client  # noqa: SLF001


def sender_task(producer: Any) -> asyncio.Task[None] | None:
    """Returns the task in which an AIOKafkaProducer sends its batches; None before the producer has started.

    While no broker is reachable ``stop()`` waits forever for this task (#1101), and a second ``stop()`` does nothing.
    """
    task: asyncio.Task[None] | None = producer._sender.sender_task  # noqa: SLF001
    return task


def forgotten_futures(producer: Any) -> list[asyncio.Future[Any]]:
    """Returns the futures in which a fenced AIOKafkaProducer keeps its error besides the deliveries.

    They are the end of its transaction and the waiters of batches that were never sent. Nobody awaits them, and asyncio
    logs such an error when the future is collected, which may be much later and in the middle of any other code.
    """
    batches = [batch for queue in producer._message_accumulator._batches.values() for batch in queue]  # noqa: SLF001
    futures = [batch._drain_waiter for batch in batches]  # noqa: SLF001
    end = producer._txn_manager.wait_for_transaction_end()  # noqa: SLF001
    return futures if end is None else [*futures, end]


def raise_group_error(consumer: Any) -> None:
    """Raise the error that the group coordinator last reported to an AIOKafkaConsumer, and clear it.

    aiokafka raises such an error only from ``getone()`` and ``getmany()`` (#294). A worker without partitions calls
    neither. Clearing the error makes the consumer try to join again. After an error that aiokafka did not expect, its task
    that follows the group has ended and would raise the same error for ever, so it is started again.

    Raises:
        KafkaError: the coordinator reported it.
    """
    coordinator = consumer._coordinator  # noqa: SLF001
    try:
        coordinator.check_errors()
    except KafkaError:
        if coordinator._coordination_task.done():  # noqa: SLF001
            coordinator.request_rejoin()
            coordinator._coordination_task = asyncio.create_task(coordinator._coordination_routine())  # noqa: SLF001
        raise


def replace_coordinator_send(consumer: Any, replace: Callable[[Send], Send]) -> None:
    """Replace the method by which a started AIOKafkaConsumer sends requests to its group's coordinator.

    aiokafka names the group instance only when it joins, not in heartbeats and commits (we found no issue that reports
    it).

    Args:
        consumer: a started consumer with a group.
        replace: takes the present method, returns the new one. Both take a request and return its response.
    """
    consumer._coordinator._send_req = replace(consumer._coordinator._send_req)  # noqa: SLF001


def request_rejoin(consumer: Any) -> None:
    """Have a member of a group join again. If it leads the group, the coordinator then rebalances the group.

    aiokafka has no ``enforceRebalance()`` as the Java client has.
    """
    consumer._coordinator.request_rejoin()  # noqa: SLF001


def replace_fetch(consumer: Any, replace: Callable[[FetchOnce], FetchOnce]) -> None:
    """Replace the method by which a started AIOKafkaConsumer sends one fetch request.

    No setting of the consumer adds a pause between two fetches.

    Args:
        consumer: a started consumer.
        replace: takes the present method, returns the new one. Both return whether the response held records.
    """
    consumer._fetcher._proc_fetch_request = replace(consumer._fetcher._proc_fetch_request)  # noqa: SLF001


def replace_record_parser(parser: Callable[[bytes], Any]) -> bool:
    """Have every consumer of this process parse fetched bytes with ``parser``; False if it already did.

    aiokafka offers no way to skip or repair a batch that it cannot parse (#321). `MemoryRecords` is a public name, but
    the fetcher that looks it up is not meant to be changed.
    """
    is_new = fetcher.MemoryRecords is not parser
    fetcher.MemoryRecords = parser
    return is_new


def batch_bytes(data: bytes) -> Iterator[Any]:
    """Yields the bytes of each record batch in a fetch response.

    aiokafka's batch object does not give its bytes, and they are needed to parse it a second time (#321).

    Raises:
        CorruptRecordException: a batch is shorter than its header.
    """
    slices = _MemoryRecordsPy(data)
    while (raw := slices._next_slice) is not None:  # noqa: SLF001
        slices._cache_next()  # noqa: SLF001 - goes to the next batch without parsing this one
        yield raw


def records_by_python_parser(raw: Any, wrap: Callable[[Any], Any]) -> Iterator[Any]:
    """Yields the records of one batch as parsed by aiokafka's Python code, as far as they can be read.

    aiokafka has no lenient mode (#321). The iteration of its batch object is not used because it reads integers in C,
    beyond the end of a damaged buffer, and has crashed processes.

    Args:
        raw: the bytes of the batch.
        wrap: makes the buffer to read from, out of the decompressed records.

    Raises:
        Exception: whatever a codec or the parser raises on damaged bytes.
    """
    batch = _DefaultRecordBatchPy(raw)
    batch._maybe_uncompress()  # noqa: SLF001 - the first step of aiokafka's own iteration
    batch._buffer = buffer = wrap(batch._buffer)  # noqa: SLF001 - the parser takes no other decoder
    for _ in range(batch._num_records):  # noqa: SLF001 - the record count in the batch's header
        yield batch._read_msg(decode_varint_py)  # noqa: SLF001
    if batch._pos != len(buffer):  # noqa: SLF001 - the last check of aiokafka's own iteration
        raise CorruptRecordException("bytes remain after the batch's last record")


def has_c_extension() -> bool:
    """Returns whether aiokafka parses records with its C extension; it falls back to Python without a warning."""
    return DefaultRecordBatch is not _DefaultRecordBatchPy


def replace_connect(wrap: Callable[[Connect], Connect]) -> bool:
    """Replace the function by which every client of this process opens a connection; False if that was done before.

    aiokafka copies password and TLS context when a client is made, so a client never learns of a new password (#1015
    asks for the same with tokens). It reports the cause of a failed connection only in its log.

    Args:
        wrap: takes aiokafka's function, returns the new one.
    """
    is_new = client.create_conn is conn.create_conn
    if is_new:
        client.create_conn = wrap(conn.create_conn)
    return is_new


def replace_token_login(make: Callable[..., Any]) -> None:
    """Replace the class by which every client of this process logs in with a token.

    aiokafka does not read the broker's answer to a token, takes a rejected one for accepted, and then knows no broker
    (`OAuthAuthenticator.step` ignores its argument; we found no issue that reports it).

    Args:
        make: takes the token provider as ``sasl_oauth_token_provider``, returns the login.
    """
    conn.OAuthAuthenticator = make
