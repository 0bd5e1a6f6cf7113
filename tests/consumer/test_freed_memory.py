from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from consumer import freed_memory
from tests.integration.workers import running_worker, until

if TYPE_CHECKING:
    from ratecast.settings import Settings

SCATTERED = 40_000  # of 2 KB each, which Python leaves to the C library


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="only glibc keeps memory and can be asked for it"
)
def test_memory_that_was_freed_between_objects_that_live_on_is_given_back() -> None:
    blocks: list[bytes | None] = [bytes(2048) for _ in range(SCATTERED)]
    kept = blocks[::50]
    held = resident_mib()
    blocks.clear()
    before = resident_mib()
    assert freed_memory.give_back()
    assert len(kept) == SCATTERED / 50
    # Each kept block holds on to the page around it, and the last ones may have gone without being asked for.
    assert held - resident_mib() > 40
    assert before >= resident_mib()


async def test_a_worker_gives_memory_back_again_and_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[None] = []
    monkeypatch.setattr(freed_memory, "_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(freed_memory, "give_back", lambda: times.append(None))
    async with running_worker(settings):
        await until(lambda: len(times) > 2)
