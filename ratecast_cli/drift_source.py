"""The predictions for ``ratecast drift-report``: from the topic, or from a file whose rates are scored here."""

from __future__ import annotations

import datetime as dt
from contextlib import aclosing
from dataclasses import dataclass
from itertools import count, islice
from typing import TYPE_CHECKING

from ratecast.errors import OperationError, UsageError
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ratecast.model.bundle import Bundle
    from ratecast.rates.tables import RateTable, Series
    from ratecast.settings import Settings
    from training.drift_report.prediction_table import Collector, Messages

_BATCH = 1000


@dataclass(frozen=True)
class Span:
    """The days and pairs to report on; no pairs means all."""

    start: dt.date | None
    end: dt.date | None
    pairs: tuple[str, ...]

    def __str__(self) -> str:
        pairs = f" of {', '.join(self.pairs)}" if self.pairs else ""
        return f"from {self.start or 'the oldest'} to {self.end or 'the newest'}{pairs}"


def check_known(bundle: Bundle, pairs: Sequence[str]) -> None:
    """Check that a model knows these pairs.

    Raises:
        UsageError: it does not know one; the message lists the pairs it knows.
    """
    unknown = [name for name in pairs if name not in bundle.stats.pairs]
    if unknown:
        raise UsageError(
            f"model {bundle.version} does not know {', '.join(unknown)}; it knows {', '.join(bundle.stats.pairs)}"
        )


async def read(settings: Settings, bundle: Bundle, span: Span) -> Messages:
    """Returns the committed predictions of the topic, up to its present end."""
    import msgspec

    from ratecast.contract.wire import decode_prediction
    from ratecast_cli.whole_topic import whole_topic

    collector = _collector(bundle, span)
    async with aclosing(whole_topic(settings, settings.output_topic)) as batches:
        async for batch in batches:
            for record in batch:
                try:
                    collector.add(decode_prediction(record.value or b""))
                except msgspec.DecodeError:
                    collector.unreadable += 1
    return collector.messages()


def _collector(bundle: Bundle, span: Span) -> Collector:
    from training.drift_report.prediction_table import Collector

    return Collector(bundle.stats.pairs, span.start, span.end, span.pairs)


@dataclass(slots=True)
class _CsvRecord:
    """A message made from a file's rates, with the fields of a consumed record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


def score(settings: Settings, bundle: Bundle, span: Span, csv: Path) -> tuple[Messages, list[str]]:
    """Returns the predictions that a worker would make from a file's rates, and notes on what was left out."""
    from producer.plan.histories import DEFAULT_WINDOW
    from ratecast.contract.wire import decode_prediction
    from ratecast.rates.tables import load_csv
    from ratecast.scoring.scorer import Scorer

    table = load_csv(csv)
    wanted = span.pairs or tuple(table.columns)
    known = [name for name in wanted if name in bundle.stats.pairs]
    unknown = [name for name in wanted if name not in bundle.stats.pairs]
    if not known:
        check_known(bundle, unknown)
    feeds = [_feed(table, name) for name in known]
    scorer = Scorer(bundle, settings.max_message_bytes, settings.drift_std_threshold)
    collector, now = _collector(bundle, span), dt.datetime.now(dt.UTC)
    records = _records(feeds, span, csv)
    while batch := list(islice(records, _BATCH)):
        for value in scorer.score(batch, now).values:
            collector.add(decode_prediction(value))
    messages = collector.messages()
    if not messages.pairs:
        raise UsageError(_nothing(feeds, span, csv))
    notes = [
        f"The messages were made from {csv.name} with {DEFAULT_WINDOW} rates each, so earlier days have no message."
    ]
    if unknown:
        notes.append(f"Left out, because the model does not know them: {', '.join(unknown)}.")
    left_out = [name for name in known if name not in messages.pairs]
    if left_out:
        notes.append(f"Left out, because no day has {DEFAULT_WINDOW} rates up to it: {', '.join(left_out)}.")
    return messages, notes


def _feed(table: RateTable, pair: str) -> Series:
    """Returns all rates of a pair as one series, however long the holes in it are.

    A client of a feed does not notice a hole: its next history spans the hole, and an alert reports that. `rates.series`
    would start again after the hole, and 60 days would have no prediction.
    """
    import numpy as np

    from ratecast.rates.tables import Series, series

    stretches = series(table, pair)
    dates = np.concatenate([table.dates[:0], *(stretch.dates for stretch in stretches)])
    return Series(pair, dates, np.concatenate([np.zeros(0), *(stretch.rates for stretch in stretches)]))


def _records(feeds: Sequence[Series], span: Span, csv: Path) -> Iterator[_CsvRecord]:
    """Yields the messages that a worker would have read for the chosen days, pair by pair."""
    from producer.plan.histories import DEFAULT_WINDOW, Tape

    offsets = count()
    for feed in feeds:
        first, last = _rows(feed, span)
        tape = Tape(feed)
        for stop in range(max(first + 1, DEFAULT_WINDOW), last + 1):
            message = tape.message(stop, DEFAULT_WINDOW, "")
            yield _CsvRecord(csv.name, 0, next(offsets), 0, message.key, message.value)


def _rows(feed: Series, span: Span) -> tuple[int, int]:
    """Returns the row of the first rate in the span, and the row after the last."""
    import numpy as np

    first = 0 if span.start is None else int(np.searchsorted(feed.dates, np.datetime64(span.start)))
    last = len(feed.dates)
    if span.end is not None:
        last = int(np.searchsorted(feed.dates, np.datetime64(span.end), "right"))
    return first, last


def _nothing(feeds: Sequence[Series], span: Span, csv: Path) -> str:
    """Returns why no prediction can be made from a file, and what would help."""
    from producer.plan.histories import DEFAULT_WINDOW

    longest = max(feeds, key=lambda feed: len(feed.dates))
    if len(longest.dates) < DEFAULT_WINDOW:
        found = f"{len(longest.dates)} of {longest.pair}" + (" at most" if len(feeds) > 1 else "")
        return f"{csv}: a prediction needs {DEFAULT_WINDOW} rates, and the file has {found}: give --csv a longer file"
    days = [feed.dates[[DEFAULT_WINDOW - 1, -1]] for feed in feeds if len(feed.dates) >= DEFAULT_WINDOW]
    first, last = min(first for first, _ in days), max(last for _, last in days)
    return (
        f"{csv} gives no predictions {span}: each needs {DEFAULT_WINDOW} rates, so predictions are possible from {first} to "
        f"{last}; choose --from and --to within these days"
    )


def check_not_empty(messages: Messages, source: str, span: Span) -> None:
    """Check that there is something to report on.

    Raises:
        UsageError: there are predictions, but none in the span; the message names what there is.
        OperationError: there are no predictions, or none with a date.
    """
    if messages.pairs:
        return
    if messages.unknown:
        names = ", ".join(list(messages.unknown)[:5])
        raise UsageError(
            f"the model knows none of the pairs in {source} ({names}): choose the model that made the predictions with --model"
        )
    undated = f"; {messages.undated:,} without as_of cannot be assigned to a day" if messages.undated else ""
    if messages.seen is not None:
        first, last = messages.seen
        raise UsageError(
            f"no predictions {span} in {source}: {messages.outside:,} are outside, {first} to {last}{undated}"
        )
    unreadable = f"; {counted(messages.unreadable, 'unreadable record')}" if messages.unreadable else ""
    what = f" of {', '.join(span.pairs)}" if span.pairs else ""
    raise OperationError(f"there are no dated predictions{what} in {source}{undated}{unreadable}")
