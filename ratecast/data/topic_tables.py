"""Reads predictions or dead letters from Kafka into a table: a plain function, also where an event loop runs already."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ratecast.data.data_libraries import converted, require_libraries
from ratecast.data.span_reader import open_span
from ratecast.data.time_span import Span, milliseconds
from ratecast.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Coroutine, Mapping

    from ratecast.data.arrow_rows import ArrowRows
    from ratecast.data.time_span import Moment
    from ratecast.settings import Settings

    OnProgress = Callable[[int, int], object]


def read_table(  # noqa: PLR0913 - each argument is one of the public functions'
    *,
    dead_letters: bool,
    to: str,
    since: Moment | None,
    until: Moment | None,
    pairs: Collection[str] | None,
    first_offsets: Mapping[int, int] | None,
    end_offsets: Mapping[int, int] | None,
    on_progress: OnProgress | None,
    settings: Mapping[str, object],
) -> Any:
    """Read a span of one of the two topics. The arguments are described at `ratecast.read_predictions`."""
    require_libraries(to)
    from ratecast.data.arrow_rows import dead_letter_rows, prediction_rows

    now = dt.datetime.now(dt.UTC)
    span = Span(
        milliseconds(since, now, "since"),
        milliseconds(until, now, "until"),
        first_offsets or {},
        end_offsets or {},
    )
    loaded = load_settings(**settings)
    wanted = [pairs] if isinstance(pairs, str) else pairs
    rows = (dead_letter_rows if dead_letters else prediction_rows)(wanted)
    topic = loaded.dead_letter_topic if dead_letters else loaded.output_topic
    blocking(lambda: _collect(loaded, topic, span, rows, on_progress))
    rows.left_out.report(topic)
    return converted(rows.take(), to)


async def _collect(
    settings: Settings, topic: str, span: Span, rows: ArrowRows, on_progress: OnProgress | None
) -> None:
    async with open_span(settings, topic, span) as reader, aclosing(reader.steps()) as steps:
        async for step in steps:
            rows.add(step.records)
            if on_progress is not None:
                on_progress(reader.read(step.positions), reader.total)


def blocking(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine to its end. Where an event loop runs already, as in a notebook, it runs in a thread of its own."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(work())
        return
    ended: list[BaseException] = []
    started = threading.Event()
    handle: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def noted() -> None:
        handle.append((asyncio.get_running_loop(), asyncio.current_task()))
        started.set()
        await work()

    def run() -> None:
        try:
            asyncio.run(noted())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            ended.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="ratecast-reader", daemon=True)
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:  # the notebook's stop button: let the reader close its connections first
        started.wait()
        for loop, task in handle:
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if ended:
        raise ended[0]
