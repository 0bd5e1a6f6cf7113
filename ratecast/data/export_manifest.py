"""The manifest of an export: what was asked for, and how far each partition is in the files beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from ratecast.errors import OperationError, UsageError
from ratecast.field_faults import first_fault, predicate

if TYPE_CHECKING:
    from pathlib import Path

MANIFEST = "_export.json"  # readers of a directory of Parquet files skip names with an underscore
_FORMAT = 1


class ExportRequest(BaseModel):
    """What one directory holds. A later run must ask for the same.

    Attributes:
        topic: the topic.
        topic_id: the broker's id of the topic; None if it gives none.
        kind: predictions or dead-letters.
        file_format: parquet, csv or arrow.
        pairs: only these pairs; all if None.
        since: as the user wrote it.
        until: as the user wrote it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    topic: str
    topic_id: str | None
    kind: str
    file_format: str
    pairs: tuple[str, ...] | None
    since: str | None
    until: str | None


class ExportManifest(BaseModel):
    """The state of an export. It is replaced after the files of a chunk are in their places, never before.

    Attributes:
        version: of this format.
        request: what was asked for.
        since_ms: the beginning of the span, in milliseconds since 1970, as it was at the first run.
        until_ms: the end of the span.
        next_offsets: for each partition, the offset up to which the files are complete.
        chunks: how many chunks there are. A file of a later one is a leftover of a run that was killed.
        rows: how many rows the files have.
        left_out: how many records had no row.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = Field(_FORMAT, ge=_FORMAT, le=_FORMAT)
    request: ExportRequest
    since_ms: int | None
    until_ms: int | None
    next_offsets: dict[NonNegativeInt, NonNegativeInt] = {}
    chunks: NonNegativeInt = 0
    rows: NonNegativeInt = 0
    left_out: NonNegativeInt = 0


def read_manifest(directory: Path) -> ExportManifest | None:
    """Return the manifest of a directory; None if it has none.

    Raises:
        OperationError: it is damaged, or of another version.
    """
    path = directory / MANIFEST
    try:
        return ExportManifest.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        fault = first_fault(error)
        where = ".".join(map(str, fault["loc"]))
        raise OperationError(
            f"{path} is not the manifest of an export of this version: {where} {predicate(fault)}; "
            "export to another directory"
        ) from None


def write_manifest(directory: Path, manifest: ExportManifest) -> None:
    """Replace the manifest at once: a reader, and a run after a power cut, find the old one or the new one."""
    path, temporary = directory / MANIFEST, directory / f".{MANIFEST}.tmp"
    with temporary.open("w", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(directory)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_same_request(directory: Path, earlier: ExportRequest, wanted: ExportRequest) -> None:
    """Check that a run asks for what the directory holds.

    Raises:
        UsageError: it asks for something else; the message says what differs.
    """
    if earlier == wanted:
        return
    before, now = earlier.model_dump(), wanted.model_dump()
    name = next(name for name in before if before[name] != now[name])
    if name == "topic_id":
        difference = f"an earlier topic {wanted.topic}, which was deleted and created again"
    else:
        difference = (
            f"an export with {name.replace('_', ' ')} {_words(before[name])}, not {_words(now[name])}"
        )
    raise UsageError(f"{directory} holds {difference}: export to another directory")


def _words(value: object) -> str:
    if value is None:
        return "none"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
