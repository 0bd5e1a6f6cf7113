from __future__ import annotations

import asyncio

import pytest

from ratecast.closing import stop_consumer, stop_producer


class LeakingClient:
    """An aiokafka client whose stop() lets the cancellation of its own task out, as the real one does."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.client = self._client = self
        self._sender = self

    async def stop(self) -> None:
        raise asyncio.CancelledError

    async def close(self) -> None:
        self.closed.append("closed")


@pytest.mark.parametrize("stop", [stop_producer, stop_consumer])
async def test_a_cancellation_nobody_asked_for_stays_inside(stop) -> None:
    client = LeakingClient()
    await stop(client)
    assert client.closed


@pytest.mark.parametrize("stop", [stop_producer, stop_consumer])
async def test_a_cancellation_somebody_asked_for_goes_on(stop) -> None:
    class Slow(LeakingClient):
        async def stop(self) -> None:
            stopping.set()
            await asyncio.Event().wait()

    stopping, client = asyncio.Event(), Slow()
    task = asyncio.create_task(stop(client))
    await stopping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.closed
