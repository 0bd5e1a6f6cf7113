"""Gives memory that was freed back to the system.

The C library keeps what a program frees, in case it is needed again. Between the small objects that live on it becomes
scattered, so the large buffers of later batches need new memory: a worker at 2,000 messages a second grew by a megabyte a
minute, while what it used stayed the same (`docs/reliability.md`).
"""

from __future__ import annotations

import asyncio
import ctypes
import os

_EVERY_SECONDS = 60.0


async def give_back_regularly() -> None:
    """Once a minute, until it is cancelled. Without glibc it does nothing."""
    while True:
        await asyncio.sleep(_EVERY_SECONDS)
        give_back()


def give_back() -> bool:
    """Return whether memory was given back to the system. It takes some milliseconds."""
    if os.name != "posix":
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # malloc_trim(3), of glibc only
    return trim is not None and bool(trim(0))
