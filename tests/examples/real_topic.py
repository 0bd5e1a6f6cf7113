"""A topic with real predictions: the ECB's rates of this year, scored by a worker with a small model of the years before."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING

from consumer.worker import Worker
from producer.plan import histories
from producer.plan.faults import parse_fault
from producer.plan.pace import parse_rate
from producer.replay import replay
from ratecast.kafka.audit import audit
from ratecast.rates.tables import load_ecb
from training.forests import ForestSettings
from training.train import train
from training.train_options import TrainOptions

if TYPE_CHECKING:
    from ratecast.settings import Settings

PAIRS = ("EUR/GBP", "EUR/USD")
FIRST, LAST = dt.date(2026, 1, 1), dt.date(2026, 10, 30)
FAULT = "level-jump:EUR/GBP@2026-10-29+1"  # a feed's fault, so that there is an alert
LIMIT_SECONDS = 60


def train_small(models_dir) -> None:
    """Train on the ECB's rates of these two pairs until the end of last year, with small forests."""
    forest = ForestSettings(trees=8, range_trees=8, range_depth=5)
    train(TrainOptions(models_dir=models_dir, until=FIRST - dt.timedelta(days=1), pairs=PAIRS, forest=forest))


async def fill(settings: Settings) -> int:
    """Replay the rates of this year to a worker, and return how many predictions there are."""
    plan = histories.plan(load_ecb(), PAIRS, FIRST, LAST, faults=[parse_fault(FAULT)])
    summary = await replay(settings, plan, parse_rate("max"))
    worker = Worker(settings)
    task = asyncio.create_task(worker.run(handle_signals=False))
    try:
        result = await audit(settings, wait_seconds=LIMIT_SECONDS)
    finally:
        worker.stop()
        await task
    assert result.exactly_once, "not every message has its prediction"
    return summary.messages


def variables(settings: Settings) -> dict[str, str]:
    """The environment in which a program reads these topics."""
    names = ("bootstrap_servers", "input_topic", "output_topic", "dead_letter_topic")
    return {f"RATECAST_{name.upper()}": getattr(settings, name) for name in names}
