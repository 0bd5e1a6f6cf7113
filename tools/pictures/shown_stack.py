"""A real stack to take pictures of: broker, two workers, the page, real rates of a year, and a few faults."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from producer.plan import histories
from producer.plan.faults import parse_fault
from producer.plan.pace import Pace
from producer.replay import replay
from ratecast.kafka.producers import idempotent_producer
from ratecast.rates.tables import load_ecb
from ratecast.settings import Settings
from ratecast_stack.children import answers, free_port, running
from ratecast_stack.local_stack import local_stack
from ratecast_stack.shadowing import child_environment, ratecast_command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAIRS = (
    *("EUR/USD", "EUR/GBP", "EUR/JPY", "EUR/CHF", "EUR/SEK", "EUR/NOK"),
    *("EUR/PLN", "EUR/CZK", "EUR/HUF", "EUR/TRY", "USD/JPY", "GBP/USD"),
)
FAULTS = ("decimal-slip:EUR/USD@2026-09-16", "stuck:EUR/NOK@2026-10-22", "gap:EUR/PLN@2026-10-14+14")
LETTERS = (
    b'{"history": [0.8719, "0.8676", 0.8663], "pair": "EUR/GBP"}',
    b'{"history": [1.0841, 1.0852, 1.0847], "pair": "EUR/XXX"}',
    b'{"history": [1.0841, 1.0852, 1.08',
)
_START, _LIVE = dt.date(2025, 10, 15), dt.date(2026, 10, 29)
_PACE = Pace(400.0)  # slow enough for the latency to be that of a message, not of a queue
_FIRST_PORT = 8100
_FIELDS = {"RATECAST_HORIZONS": "2,5,10,21", "RATECAST_WEB_FAULT_INJECTION": "true"}


@contextmanager
def shown_stack(models: Path, *, pairs: tuple[str, ...] = PAIRS) -> Iterator[str]:
    """Run the stack within the block, and yield the address of the page; the last two days arrive while it is shown.

    Args:
        models: a directory with a current model that knows the pairs.
        pairs: what to replay.
    """
    os.environ.update(_FIELDS)  # the workers are started with this environment
    settings = Settings(models_dir=models.resolve())
    with local_stack(settings, 2, print) as stack:
        broker = ("-b", stack.settings.bootstrap_servers)
        faults = [parse_fault(text) for text in FAULTS]
        plan = histories.plan(load_ecb(), pairs, _START, _LIVE - dt.timedelta(days=1), faults=faults)
        asyncio.run(_publish(stack.settings, plan))
        port = free_port(_FIRST_PORT)
        command = ratecast_command(
            *("web", *broker, "--web-port", str(port)),
            *("--models-dir", str(settings.models_dir), "--web-metrics-urls", ",".join(stack.metrics_urls)),
        )
        live = ratecast_command(
            *("replay", *broker, "--from", str(_LIVE), "--rate", "1/s"),
            *(option for pair in pairs for option in ("--pair", pair)),
            *(option for fault in FAULTS for option in ("--inject", fault)),
        )
        with (
            running("web", command, stack.home, child_environment()) as web,
            running("replay", live, stack.home, child_environment()),
        ):
            web.wait_until(partial(answers, port, "/ready"))
            yield f"http://127.0.0.1:{port}/"


async def _publish(settings: Settings, plan: histories.Plan) -> None:
    await replay(settings, plan, _PACE)
    async with idempotent_producer(settings) as producer:
        for letter in LETTERS:
            await producer.send_and_wait(settings.input_topic, letter)
