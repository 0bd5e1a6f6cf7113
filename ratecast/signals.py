"""SIGINT and SIGTERM, heard by a running loop."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_stop_signal(react: Callable[[], object]) -> Iterator[None]:
    """Within the block, SIGINT and SIGTERM call ``react`` on the loop, and nothing else happens."""
    loop = asyncio.get_running_loop()
    for number in _NUMBERS:
        loop.add_signal_handler(number, react)
    try:
        yield
    finally:
        for number in _NUMBERS:
            loop.remove_signal_handler(number)
