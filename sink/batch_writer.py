"""Writes a batch: COPY into temporary tables, one INSERT a table, and the offsets, all in one transaction."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from sink.database_faults import is_of_a_record
from sink.flat_rows import Row, rejected_row
from sink.sink_tables import COPIED, REJECTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from psycopg import AsyncConnection

    from sink.positions import StoredPositions
    from sink.sink_tables import Table

log = logging.getLogger(__name__)

Place = tuple[int, int]  # topic key, partition


@dataclass
class Written:
    """What a batch became.

    Attributes:
        rows: new rows, by table.
        already_there: rows that were in the database before, by table.
    """

    rows: Counter[str] = field(default_factory=Counter)
    already_there: Counter[str] = field(default_factory=Counter)


class BatchWriter:
    """Writes batches in one session.

    Args:
        connection: the session.
        schema: the schema of the tables.
        positions: the stored offsets.
    """

    def __init__(self, connection: AsyncConnection[Any], schema: str, positions: StoredPositions) -> None:
        self._connection = connection
        self._schema = sql.Identifier(schema)
        self._positions = positions

    async def prepare(self) -> None:
        """Create the temporary tables of the session. They are empty again after each transaction."""
        for table in COPIED:
            await self._connection.execute(
                sql.SQL(
                    "CREATE TEMPORARY TABLE {stage} ON COMMIT DELETE ROWS AS SELECT {columns} FROM {schema}.{table} WITH NO DATA"
                ).format(**self._names(table))
            )

    def _names(self, table: Table) -> dict[str, sql.Composable]:
        return {
            "stage": sql.Identifier(f"ratecast_stage_{table.name}"),
            "columns": sql.SQL(", ").join(map(sql.Identifier, table.names)),
            "schema": self._schema,
            "table": sql.Identifier(table.name),
        }

    async def write(self, rows: Sequence[Row], reached: Mapping[Place, int]) -> Written:
        """Write rows and the offsets after them, both or neither.

        If the database refuses a value, the batch is halved until the refused record is alone. It becomes a rejected
        record with the database's reason, and the others are written.

        Args:
            rows: rows, ascending by offset within each partition.
            reached: the next offset of each partition that these rows and the markers after them come from.

        Raises:
            StartAgainError: another sink wrote meanwhile.
            psycopg.Error: the database failed.
        """
        try:
            written = await self._transaction(rows, reached)
        except psycopg.Error as error:
            if not rows or not is_of_a_record(error) or self._connection.broken:
                raise
            return await self._write_apart(rows, reached, error)
        self._positions.moved(reached)
        return written

    async def _write_apart(
        self, rows: Sequence[Row], reached: Mapping[Place, int], error: psycopg.Error
    ) -> Written:
        if len(rows) == 1:
            row = rows[0]
            if row.table is REJECTED:  # it has no value that could be at fault
                raise error
            record, reason = row.record, str(error).splitlines()[0]
            log.warning(
                "%s-%d@%d: the database refuses the record, which goes to table rejected_records: %s",
                *(record.topic, record.partition, record.offset, reason),
            )
            return await self.write([rejected_row(record, row.values[0], f"refused: {reason}")], reached)
        half = len(rows) // 2
        first = await self.write(rows[:half], _after(rows[:half]))
        second = await self.write(rows[half:], reached)
        return Written(first.rows + second.rows, first.already_there + second.already_there)

    async def _transaction(self, rows: Sequence[Row], reached: Mapping[Place, int]) -> Written:
        written = Written()
        async with self._connection.transaction():
            # First, because it makes another sink's transaction wait.
            await self._positions.move(reached)
            for table in COPIED:
                values = [row.values for row in rows if row.table is table]
                if values:
                    new = await self._copy(table, values)
                    written.rows[table.name] += new
                    written.already_there[table.name] += len(values) - new
        return written

    async def _copy(self, table: Table, values: Sequence[tuple[Any, ...]]) -> int:
        names = self._names(table)
        async with self._connection.cursor() as cursor:
            copying = sql.SQL("COPY pg_temp.{stage} ({columns}) FROM STDIN").format(**names)
            async with cursor.copy(copying) as copy:
                for row in values:
                    await copy.write_row(row)
            # A record never changes, so a row that is there already is the same one.
            await cursor.execute(
                sql.SQL(
                    "INSERT INTO {schema}.{table} ({columns}) SELECT {columns} FROM pg_temp.{stage} ON CONFLICT DO NOTHING"
                ).format(**names)
            )
            return cursor.rowcount


def _after(rows: Sequence[Row]) -> dict[Place, int]:
    """Return the offset after the last of these rows for each of their partitions."""
    return {(row.values[0], row.record.partition): row.record.offset + 1 for row in rows}
