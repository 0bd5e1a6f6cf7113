"""Hands new predictions to the clients of ``GET /stream``. A client that falls behind is cut."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ratecast.contract.wire import encode_prediction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ratecast.contract.wire import PredictionRow
    from web.entries import LetterEntry

MOST_CLIENTS = 64
_MOST_BEHIND = 2_000  # predictions, about 2.5 MB


class PredictionStreams:
    """The clients that get every prediction, each with a bounded queue."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[bytes | None], str | None] = {}

    def __len__(self) -> int:
        return len(self._queues)

    @contextmanager
    def joined(self, pair: str | None) -> Iterator[asyncio.Queue[bytes | None]]:
        """Queue the encoded predictions of one pair, or of all, within the block; None at the end: the client is cut."""
        queue: asyncio.Queue[bytes | None] = asyncio.Queue(_MOST_BEHIND + 1)
        self._queues[queue] = pair
        try:
            yield queue
        finally:
            self._queues.pop(queue, None)

    def prediction(self, row: PredictionRow) -> None:
        """Hand a prediction to all clients that want its pair; it is encoded once."""
        encoded: bytes | None = None
        for queue, pair in list(self._queues.items()):
            if pair is not None and pair != row.pair:
                continue
            if queue.qsize() >= _MOST_BEHIND:
                queue.put_nowait(None)
                del self._queues[queue]
                continue
            encoded = encode_prediction(row) if encoded is None else encoded
            queue.put_nowait(encoded)

    def close(self) -> None:
        """Cut all clients, because the program stops."""
        for queue in list(self._queues):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)

    def letter(self, letter: LetterEntry) -> None:
        """Dead letters are not streamed."""
