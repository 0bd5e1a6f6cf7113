"""Reads the lines of a CSV one by one, so that a faulty one does not take others with it. Pure.

A field with a line break would need a parser that runs over lines, and there one stray quotation mark swallows all rows
that follow. No list of rates has such fields.
"""

from __future__ import annotations

import codecs
import csv
import io
from typing import TYPE_CHECKING

from producer.feed.source import Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from producer.feed.formats.collected_rates import CollectedRates


_LONGEST_LINE = 64 * 1024  # bytes; a hundred pairs need two thousand


def rows(body: bytes, collected: CollectedRates) -> Iterator[tuple[int, list[str]]]:
    """Yield number and cells, without blanks around them, of each line that has any.

    A line that is no CSV is refused, and so is a last line without a line break: its last rate may be cut off, and every
    source here ends its last line.
    """
    for number, line in enumerate(io.BytesIO(body.removeprefix(codecs.BOM_UTF8)), 1):
        if not line.strip():
            continue
        if len(line) > _LONGEST_LINE:
            collected.refuse(Reason.MALFORMED, f"line {number}: it is longer than {_LONGEST_LINE:,} bytes")
            continue
        if not line.endswith(b"\n"):
            collected.refuse(
                Reason.TRUNCATED, f"line {number}: it ends without a line break and may be cut off"
            )
            continue
        try:
            cells = next(csv.reader([line.decode("utf-8")], strict=True))
        except UnicodeDecodeError:
            collected.refuse(Reason.MALFORMED, f"line {number}: not UTF-8")
        except csv.Error as error:
            collected.refuse(Reason.MALFORMED, f"line {number}: no CSV: {error}")
        else:
            yield number, [cell.strip() for cell in cells]


def full_rows(
    lines: Iterator[tuple[int, list[str]]], width: int, collected: CollectedRates
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that have as many cells as the header, and refuse the others."""
    for number, cells in lines:
        if len(cells) == width:
            yield number, cells
        elif any(cells):
            collected.refuse(
                Reason.MALFORMED, f"line {number}: {len(cells)} cells where the header has {width}"
            )
