"""Collects rows into Arrow record batches, in bounded memory, and counts the records that have no row."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ratecast.data import dead_letter_columns, prediction_columns
from ratecast.data.column_types import DATE, MICROSECONDS, MILLISECONDS, LeftOutError
from ratecast.errors import ErrorCode, RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ratecast.contract.record import Record
    from ratecast.data.column_types import Column

log = logging.getLogger(__name__)

_BATCH_ROWS = 8192
_BATCH_BYTES = 16 * 2**20  # of values; a dead letter may have megabytes
_SHOWN = 3
_TYPES = {
    DATE: pa.date32(),
    MILLISECONDS: pa.timestamp("ms", tz="UTC"),
    MICROSECONDS: pa.timestamp("us", tz="UTC"),
}


@dataclass
class LeftOut:
    """Records on the topic that have no row.

    Attributes:
        count: how many.
        examples: place and reason of the first ones.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, record: Record, reason: str) -> None:
        """Count a record."""
        self.count += 1
        if len(self.examples) < _SHOWN:
            # One line of printable characters, because the reason may quote the record.
            words = RecordError(ErrorCode.INVALID_JSON, reason).message
            self.examples.append(f"{record.topic}-{record.partition}@{record.offset}: {words}")

    def report(self, topic: str) -> None:
        """Log one warning if there are any."""
        if self.count:
            more = (
                f"; and {self.count - len(self.examples):,} more" if self.count > len(self.examples) else ""
            )
            log.warning(
                "left out %s on %s: %s%s",
                "1 record" if self.count == 1 else f"{self.count:,} records",
                *(topic, "; ".join(self.examples), more),
            )


class ArrowRows:
    """Rows of one kind, collected into record batches.

    Args:
        columns: the columns.
        values: makes a record's values, or raises `LeftOutError`.
        pairs: keep only these pairs; all if None.
    """

    def __init__(
        self,
        columns: Iterable[Column],
        values: Callable[[Record], tuple[Any, ...]],
        pairs: Collection[str] | None = None,
    ) -> None:
        self.schema = arrow_schema(columns)
        self.left_out = LeftOut()
        self.batches: list[Any] = []
        self.bytes = 0
        self._batched = 0
        self._values = values
        self._pairs = None if pairs is None else frozenset(pairs)
        self._pair = self.schema.get_field_index("pair")
        self._rows: list[tuple[Any, ...]] = []
        self._pending_bytes = 0

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._batched + len(self._rows)

    def add(self, records: Iterable[Record]) -> None:
        """Add a row for each record that has one."""
        for record in records:
            try:
                row = self._values(record)
            except LeftOutError as error:
                self.left_out.add(record, str(error))
                continue
            if self._pairs is not None and row[self._pair] not in self._pairs:
                continue
            self._rows.append(row)
            self._pending_bytes += len(record.value or b"")
            if len(self._rows) >= _BATCH_ROWS or self._pending_bytes >= _BATCH_BYTES:
                self._close_batch()

    def take(self) -> Any:
        """Return all rows so far as a table, and begin anew."""
        self._close_batch()
        table = pa.Table.from_batches(self.batches, self.schema)
        self.batches, self.bytes, self._batched = [], 0, 0
        return table

    def _close_batch(self) -> None:
        if self._rows:
            columns = zip(*self._rows, strict=True)
            arrays = [pa.array(column, of.type) for column, of in zip(columns, self.schema, strict=True)]
            self.batches.append(pa.RecordBatch.from_arrays(arrays, schema=self.schema))
            self.bytes += self.batches[-1].nbytes
            self._batched += len(self._rows)
        self._rows, self._pending_bytes = [], 0


def prediction_rows(pairs: Collection[str] | None = None) -> ArrowRows:
    """Return an empty collection of predictions."""
    return ArrowRows(prediction_columns.COLUMNS, prediction_columns.prediction_values, pairs)


def dead_letter_rows(pairs: Collection[str] | None = None) -> ArrowRows:
    """Return an empty collection of dead letters."""
    return ArrowRows(dead_letter_columns.COLUMNS, dead_letter_columns.dead_letter_values, pairs)


def arrow_schema(columns: Iterable[Column]) -> Any:
    """Return columns as a schema of Arrow, with their meanings."""
    return pa.schema(
        [
            pa.field(
                column.name, _TYPES.get(column.kind) or column.kind, metadata={"meaning": column.meaning}
            )
            for column in columns
        ]
    )
