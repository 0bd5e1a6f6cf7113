"""Writes the files of an export: Parquet by day and pair, CSV or Arrow; no name ever stands for half a file."""

from __future__ import annotations

import base64
import os
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, ipc, parquet

from ratecast.data.export_manifest import sync_directory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARQUET, CSV, ARROW = "parquet", "csv", "arrow"
FORMATS = (PARQUET, CSV, ARROW)

_NULL = "__HIVE_DEFAULT_PARTITION__"  # what Hive, Spark, DuckDB and Arrow call a null in the name of a folder
_PART = re.compile(r"\.?part-(\d{6,})\.(?:parquet|csv|arrow)(?:\.tmp)?")
_TEMPORARY = ".tmp"


def write_chunk(directory: Path, file_format: str, chunk: int, table: Any) -> None:
    """Write the rows of one chunk and make them durable.

    Args:
        directory: the directory of the export.
        file_format: one of `FORMATS`.
        chunk: the number of the chunk; its files are named after it.
        table: a table of Arrow with at least one row.
    """
    name = f"part-{chunk:06}.{file_format}"
    files: list[tuple[Path, Path]] = []
    for folder, rows in _by_folder(table) if file_format == PARQUET else [("", table)]:
        place = directory / folder
        place.mkdir(parents=True, exist_ok=True)
        # A reader of the directory skips names that begin with a dot, and the next run removes them.
        temporary = place / f".{name}{_TEMPORARY}"
        with temporary.open("wb") as file:
            _write(file, file_format, rows)
            file.flush()
            os.fsync(file.fileno())
        files.append((temporary, place / name))
    for temporary, final in files:
        temporary.replace(final)
    for place in {folder for _, final in files for folder in (final.parent, *final.parents)}:
        if place == directory or directory in place.parents:
            sync_directory(place)


def remove_leftovers(directory: Path, chunks: int) -> int:
    """Remove files that a killed run left: unfinished ones, and those of chunks that the manifest does not have.

    Args:
        directory: the directory of the export.
        chunks: how many chunks the manifest has.
    """
    removed = 0
    for path in list(directory.rglob("*part-*")):
        found = _PART.fullmatch(path.name)
        if found is not None and path.is_file() and (path.name.startswith(".") or int(found[1]) >= chunks):
            path.unlink()
            removed += 1
    return removed


def _by_folder(table: Any) -> Iterator[tuple[str, Any]]:
    """Yield the rows of each day and pair with their folder, which stands for both and is no column of the file."""
    days = pc.cast(table["published_at_utc"], pa.date32())
    keys = pa.table({"day": days, "pair": table["pair"]})
    rows = table.drop_columns(["pair"])
    for group in keys.group_by(["day", "pair"]).aggregate([]).to_pylist():
        mask = pc.and_(_same(keys["day"], group["day"]), _same(keys["pair"], group["pair"]))
        day = _NULL if group["day"] is None else group["day"].isoformat()
        pair = _NULL if group["pair"] is None else quote(group["pair"], safe="")
        yield f"day={day}/pair={pair}", rows.filter(mask)


def _same(column: Any, value: Any) -> Any:
    return pc.is_null(column) if value is None else pc.fill_null(pc.equal(column, value), False)  # noqa: FBT003


def _write(file: Any, file_format: str, table: Any) -> None:
    if file_format == PARQUET:
        parquet.write_table(table, file, compression="zstd")
    elif file_format == CSV:
        csv.write_csv(_as_text(table), file)
    else:
        with ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)


def _as_text(table: Any) -> Any:
    """Return a table whose columns a CSV file can hold: bytes become base64, and their columns' names say so."""
    for number, field in enumerate(table.schema):
        if pa.types.is_binary(field.type):
            texts = [
                None if value is None else base64.b64encode(value).decode()
                for value in table.column(number).to_pylist()
            ]
            table = table.set_column(number, f"{field.name}_base64", pa.array(texts, pa.string()))
    return table
