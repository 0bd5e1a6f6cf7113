"""How far each partition is in the database, and which sink may move it on.

The offsets stand beside the rows and change in the same transactions, so the database alone says where to go on. Two
things keep two sinks from writing one topic:

- A sink holds an advisory lock for each of its topics, in the session with which it also writes. If the session ends,
  the lock is free and nothing more can be written with it. A second sink waits for the lock.
- Every transaction moves the offsets from the values that this sink knows. If another sink moved them, nothing matches,
  and the transaction is given up. This also holds where a connection pooler makes the locks worthless.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg import sql

from ratecast.errors import StartAgainError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from psycopg import AsyncConnection


@dataclass(frozen=True, slots=True)
class TopicName:
    """A topic as the brokers identify it. A topic that was deleted and created again has another id."""

    cluster_id: str
    topic: str
    topic_id: str


class StoredPositions:
    """The stored offsets of some topics, in the session that writes.

    Args:
        connection: the session.
        schema: the schema of the tables.
    """

    def __init__(self, connection: AsyncConnection[Any], schema: str) -> None:
        self._connection = connection
        self._schema_name = schema
        self._schema = sql.Identifier(schema)
        self._next: dict[tuple[int, int], int] = {}

    async def register(self, topic: TopicName) -> int:
        """Return the key of a topic in the tables; a new topic gets one."""
        values = [topic.cluster_id, topic.topic, topic.topic_id]
        for _ in range(2):
            found = await self._connection.execute(
                sql.SQL(
                    "SELECT topic_key FROM {}.topics WHERE cluster_id = %s AND topic = %s AND topic_id = %s"
                ).format(self._schema),
                values,
            )
            if (row := await found.fetchone()) is not None:
                return int(row[0])
            await self._connection.execute(
                sql.SQL(
                    "INSERT INTO {}.topics (cluster_id, topic, topic_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
                ).format(self._schema),
                values,
            )
        raise StartAgainError(f"topic {topic.topic} was removed from table {self._schema_name}.topics")

    async def earlier(self, topic: TopicName) -> bool:
        """Return whether the tables know another topic of this name, from before it was deleted and created again."""
        found = await self._connection.execute(
            sql.SQL("SELECT 1 FROM {}.topics WHERE topic = %s AND topic_id <> %s LIMIT 1").format(
                self._schema
            ),
            [topic.topic, topic.topic_id],
        )
        return await found.fetchone() is not None

    async def lock(self, topic_keys: Iterable[int]) -> bool:
        """Take the locks of all these topics for this session, or of none; return whether they were free."""
        taken: list[int] = []
        for key in sorted(topic_keys):
            found = await self._connection.execute(
                "SELECT pg_catalog.pg_try_advisory_lock(pg_catalog.hashtextextended(%s, 0))",
                [self._lock_name(key)],
            )
            row = await found.fetchone()
            if row is None or not row[0]:
                for held in taken:
                    await self._connection.execute(
                        "SELECT pg_catalog.pg_advisory_unlock(pg_catalog.hashtextextended(%s, 0))",
                        [self._lock_name(held)],
                    )
                return False
            taken.append(key)
        return True

    def _lock_name(self, topic_key: int) -> str:
        return f"ratecast sink of {self._schema_name} topic {topic_key}"

    async def load(self, topic_key: int, partitions: Iterable[int]) -> dict[int, int]:
        """Return the next offset of each partition; 0 for those that were never read."""
        numbers = list(partitions)
        async with self._connection.transaction():
            await self._connection.execute(
                sql.SQL(
                    "INSERT INTO {}.offsets (topic_key, kafka_partition, next_offset) "
                    "SELECT %s, number, 0 FROM unnest(%s::integer[]) AS given (number) ON CONFLICT DO NOTHING"
                ).format(self._schema),
                [topic_key, numbers],
            )
            rows = await self._connection.execute(
                sql.SQL(
                    "SELECT kafka_partition, next_offset FROM {}.offsets "
                    "WHERE topic_key = %s AND kafka_partition = ANY(%s)"
                ).format(self._schema),
                [topic_key, numbers],
            )
            found = {int(number): int(offset) async for number, offset in rows}
        self._next |= {(topic_key, number): offset for number, offset in found.items()}
        return found

    async def begin(self, topic_key: int, partition: int, beginning: int) -> None:
        """Store where the first reading of a partition begins."""
        async with self._connection.transaction():
            await self.move({(topic_key, partition): beginning})
        self.moved({(topic_key, partition): beginning})

    async def removed(self, topic_key: int, partition: int, beginning: int) -> int:
        """Store that records were removed from the topic before they were read, and return how many."""
        records = beginning - self._next[topic_key, partition]
        async with self._connection.transaction():
            await self.move({(topic_key, partition): beginning})
            await self._connection.execute(
                sql.SQL(
                    "UPDATE {}.offsets SET removed_records = removed_records + %s "
                    "WHERE topic_key = %s AND kafka_partition = %s"
                ).format(self._schema),
                [records, topic_key, partition],
            )
        self.moved({(topic_key, partition): beginning})
        return records

    async def move(self, reached: Mapping[tuple[int, int], int]) -> None:
        """Move offsets, as a part of the transaction that writes the rows before them.

        Raises:
            StartAgainError: another sink, or somebody, moved one of them meanwhile.
        """
        places = sorted(reached)
        result = await self._connection.execute(
            sql.SQL(
                "UPDATE {}.offsets AS stored SET next_offset = given.reached, updated_at = now() "
                "FROM unnest(%s::integer[], %s::integer[], %s::bigint[], %s::bigint[]) "
                "AS given (topic_key, kafka_partition, known, reached) "
                "WHERE stored.topic_key = given.topic_key AND stored.kafka_partition = given.kafka_partition "
                "AND stored.next_offset = given.known"
            ).format(self._schema),
            [
                [key for key, _ in places],
                [number for _, number in places],
                [self._next[place] for place in places],
                [reached[place] for place in places],
            ],
        )
        if result.rowcount != len(places):
            raise StartAgainError(
                f"somebody else changed table {self._schema_name}.offsets: nothing of this batch was written"
            )

    def moved(self, reached: Mapping[tuple[int, int], int]) -> None:
        """Note that the transaction of a move was committed."""
        self._next |= reached

    def next_offset(self, topic_key: int, partition: int) -> int:
        """Return the offset after the last stored record of a partition."""
        return self._next[topic_key, partition]
