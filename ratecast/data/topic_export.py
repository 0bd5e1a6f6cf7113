"""Exports a span of a topic to files, in chunks, so that a later run continues where an earlier one ended."""

from __future__ import annotations

import fcntl
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka.errors import KafkaError

from ratecast.data.arrow_rows import dead_letter_rows, prediction_rows
from ratecast.data.export_files import remove_leftovers, write_chunk
from ratecast.data.export_manifest import (
    ExportManifest,
    ExportRequest,
    check_same_request,
    read_manifest,
    write_manifest,
)
from ratecast.data.span_reader import open_span
from ratecast.data.time_span import Span
from ratecast.errors import OperationError, UsageError
from ratecast.kafka import topic_ids
from ratecast.kafka.client import wire_client
from ratecast.kafka.rights import in_one_line
from ratecast.kafka.topics import existing_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ratecast.data.arrow_rows import ArrowRows, LeftOut
    from ratecast.data.span_reader import SpanReader
    from ratecast.settings import Settings

PREDICTIONS, DEAD_LETTERS = "predictions", "dead-letters"
CHUNK_ROWS = 100_000
_CHUNK_BYTES = 128 * 2**20
_LOCK = ".lock"


@dataclass
class ExportResult:
    """What an export has written.

    Attributes:
        rows: how many rows this run wrote.
        all_rows: how many rows the directory has.
        left_out: the records of this run without a row.
        removed: how many offsets retention removed after an earlier run and before this one.
        leftovers: how many files of a killed run were removed.
    """

    rows: int
    all_rows: int
    left_out: LeftOut
    removed: int
    leftovers: int


@dataclass(frozen=True)
class Wanted:
    """What to export.

    Attributes:
        directory: where to; it is created if it does not exist.
        kind: `PREDICTIONS` or `DEAD_LETTERS`.
        file_format: one of `ratecast.data.export_files.FORMATS`.
        pairs: only these pairs; all if None.
        since: the beginning of the span as the user wrote it, for the manifest.
        until: the end of the span as the user wrote it.
        since_ms: the beginning of the span.
        until_ms: the end of the span.
        chunk_rows: about how many rows to hold in memory.
    """

    directory: Path
    kind: str
    file_format: str
    pairs: tuple[str, ...] | None = None
    since: str | None = None
    until: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    chunk_rows: int = CHUNK_ROWS


async def export(
    settings: Settings, wanted: Wanted, on_progress: Callable[[int, int], object]
) -> ExportResult:
    """Write everything that is on the topic now and not yet in the directory.

    Args:
        settings: the brokers and topics.
        wanted: what to export.
        on_progress: called with the offsets read and all offsets to read.

    Raises:
        UsageError: the directory holds another export or other files, or another run is writing there.
        BrokerUnavailableError: no broker answered.
        OperationError: the topic does not exist or cannot be read, or lost what was exported.
    """
    topic = settings.dead_letter_topic if wanted.kind == DEAD_LETTERS else settings.output_topic
    request = ExportRequest(
        topic=topic,
        topic_id=await _topic_id(settings, topic),
        kind=wanted.kind,
        file_format=wanted.file_format,
        pairs=wanted.pairs,
        since=wanted.since,
        until=wanted.until,
    )
    with _locked(wanted.directory):
        manifest = _begun(wanted, request)
        leftovers = remove_leftovers(wanted.directory, manifest.chunks)
        rows = (dead_letter_rows if wanted.kind == DEAD_LETTERS else prediction_rows)(wanted.pairs)
        span = Span(manifest.since_ms, manifest.until_ms, manifest.next_offsets)
        async with open_span(settings, topic, span) as reader:
            removed = _check_offsets(topic, wanted.directory, manifest, reader)
            ended = await _write_all(wanted, manifest, reader, rows, on_progress)
    return ExportResult(ended.rows - manifest.rows, ended.rows, rows.left_out, removed, leftovers)


async def _write_all(
    wanted: Wanted,
    manifest: ExportManifest,
    reader: SpanReader,
    rows: ArrowRows,
    on_progress: Callable[[int, int], object],
) -> ExportManifest:
    earlier_left_out = manifest.left_out
    positions = reader.starts
    async with aclosing(reader.steps()) as steps:
        async for step in steps:
            rows.add(step.records)
            positions = step.positions
            on_progress(reader.read(positions), reader.total)
            if rows.count >= wanted.chunk_rows or rows.bytes >= _CHUNK_BYTES:
                left_out = earlier_left_out + rows.left_out.count
                manifest = _write_chunk(wanted, manifest, rows, positions, left_out)
    return _write_chunk(wanted, manifest, rows, positions, earlier_left_out + rows.left_out.count)


def _write_chunk(
    wanted: Wanted, manifest: ExportManifest, rows: ArrowRows, positions: dict[int, int], left_out: int
) -> ExportManifest:
    """Write the rows, then the manifest that counts them: killed in between, the next run writes the chunk again."""
    table = rows.take()
    if table.num_rows:
        write_chunk(wanted.directory, wanted.file_format, manifest.chunks, table)
    written = manifest.model_copy(
        update={
            "next_offsets": positions,
            "chunks": manifest.chunks + bool(table.num_rows),
            "rows": manifest.rows + table.num_rows,
            "left_out": left_out,
        }
    )
    write_manifest(wanted.directory, written)
    return written


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Create the directory and keep other runs out of it. The system releases the lock of a killed run."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / _LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"another export is writing to {directory}: wait for its end") from None
        yield


def _begun(wanted: Wanted, request: ExportRequest) -> ExportManifest:
    """Return the manifest to continue from; write one if there is none."""
    manifest = read_manifest(wanted.directory)
    if manifest is not None:
        check_same_request(wanted.directory, manifest.request, request)
        return manifest
    if others := sorted(path.name for path in wanted.directory.iterdir() if path.name != _LOCK):
        raise UsageError(
            f"{wanted.directory} holds other files ({others[0]}) and no export: choose an empty directory"
        )
    manifest = ExportManifest(request=request, since_ms=wanted.since_ms, until_ms=wanted.until_ms)
    write_manifest(wanted.directory, manifest)
    return manifest


def _check_offsets(topic: str, directory: Path, manifest: ExportManifest, reader: SpanReader) -> int:
    """Return how many offsets retention removed before they were exported.

    Raises:
        OperationError: the topic ends before what was exported, so it is another topic of the same name.
    """
    removed = 0
    for number, offset in manifest.next_offsets.items():
        if offset > reader.ends.get(number, 0):
            raise OperationError(
                f"partition {number} of {topic} ends at offset {reader.ends.get(number, 0)}, and {directory} has "
                f"everything before {offset}: the topic was created again; export to another directory"
            )
        removed += max(0, reader.beginnings[number] - offset)
    return removed


async def _topic_id(settings: Settings, topic: str) -> str | None:
    await existing_topics(settings, [topic])  # which says what to do about a missing topic
    try:
        async with wire_client(settings) as client:
            return await topic_ids.topic_id(client, client.get_random_node(), topic)
    except KafkaError as error:
        raise OperationError(f"{topic} cannot be read: {in_one_line(error, settings)}") from error
