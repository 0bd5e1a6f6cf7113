"""Handles SIGINT and SIGTERM in a running event loop."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def on_stop_signal(react: Callable[[], object]) -> Iterator[None]:
    """Within the block, SIGINT and SIGTERM only call ``react`` on the event loop."""
    loop = asyncio.get_running_loop()
    replaced: dict[signal.Signals, Any] = {}
    for number in _NUMBERS:
        try:
            loop.add_signal_handler(number, react)
        except NotImplementedError:  # event loops on Windows do not support it
            replaced[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(react))
    try:
        yield
    finally:
        for number in _NUMBERS:
            if number in replaced:
                signal.signal(number, replaced[number])
            else:
                loop.remove_signal_handler(number)
