"""Makes input messages from historical rates, and plans their order.

A stretch is a series of rates without a long gap. It is encoded to JSON once, and the history of each message is a slice
of these bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from producer.plan import faulty_feed
from producer.plan.faults import TAKES_RATES_AWAY
from ratecast.contract.messages import MAX_HISTORY, MIN_HISTORY
from ratecast.errors import UsageError
from ratecast.rates import tables as rates

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from producer.plan.faults import Fault

DEFAULT_WINDOW = 61  # 60 returns, enough for a range that adapts to volatility
_DAY_BYTES = len('"2025-01-02",')


class Message(NamedTuple):
    """One record of the input topic."""

    day: str  # day of the last rate, ISO 8601
    key: bytes
    value: bytes


class Hole(NamedTuple):
    """More than `rates.MAX_GAP_DAYS` days without rates of a pair. No history spans them."""

    pair: str
    before: np.datetime64  # day of the last rate before the hole
    after: np.datetime64  # day of the first rate after the hole


class _Fields(msgspec.Struct, gc=False):
    """The fields of `ratecast.contract.messages.RateHistory` with arrays that are already JSON, for fast encoding."""

    message_id: str
    pair: str
    as_of: str
    history: msgspec.Raw
    times: msgspec.Raw


_encode = msgspec.json.Encoder().encode


class Tape:
    """One stretch of a pair with its rates and days encoded as JSON.

    >>> days = np.arange("2025-01-01", "2025-01-05", dtype="datetime64[D]")
    >>> tape = Tape(rates.Series("EUR/GBP", days, np.array([0.85, 0.86, 0.87, 0.88])))
    >>> tape.message(stop=3, window=3, mark="").value.decode()[:74]
    '{"message_id":"EUR/GBP@2025-01-03","pair":"EUR/GBP","as_of":"2025-01-03","'
    """

    def __init__(self, series: rates.Series) -> None:
        self.pair = series.pair
        self.dates = series.dates
        self._key = series.pair.encode()
        self._days: list[str] = series.dates.astype("datetime64[D]").astype(str).tolist()
        self._days_json = msgspec.json.encode(self._days)[1:-1]
        self._rates_json = msgspec.json.encode(series.rates.tolist())[1:-1]
        # Where each rate starts in the JSON. The last entry is the length plus one.
        lengths = (len(number) + 1 for number in self._rates_json.split(b","))
        self._begins = list(accumulate(lengths, initial=0))

    def message(self, stop: int, window: int, mark: str) -> Message:
        """Returns the message with the ``window`` rates before index ``stop``; its id ends with ``mark``."""
        start, day = stop - window, self._days[stop - 1]
        history = self._rates_json[self._begins[start] : self._begins[stop] - 1]
        times = self._days_json[start * _DAY_BYTES : stop * _DAY_BYTES - 1]
        fields = _Fields(
            f"{self.pair}@{day}{mark}",
            self.pair,
            day,
            msgspec.Raw(b"[%b]" % history),
            msgspec.Raw(b"[%b]" % times),
        )
        return Message(day, self._key, _encode(fields))


@dataclass(frozen=True)
class Plan:
    """The messages of a replay. Each has a position, ordered by day and then by pair.

    Attributes:
        tapes: the stretches.
        window: rates per message.
        tape_at: index of the tape for each position, shape ``(n,)``.
        stop_at: index after the message's last rate in its tape for each position, shape ``(n,)``.
        days: day of the message's last rate for each position, ascending, shape ``(n,)``.
        left_out: requested pairs without a message in the span.
        holes: holes of the other pairs that end in the span, by pair. No history spans one.
        injected: the faults that messages contain, with the days they contain.
        mark: suffix of every message id, so that faulty and clean messages of a day have different ids.
    """

    tapes: tuple[Tape, ...]
    window: int
    tape_at: NDArray[np.int32]
    stop_at: NDArray[np.int32]
    days: NDArray[np.datetime64]
    left_out: tuple[str, ...] = ()
    holes: tuple[Hole, ...] = ()
    injected: tuple[faulty_feed.Injection, ...] = ()
    mark: str = ""

    def __len__(self) -> int:
        return len(self.days)

    @property
    def pairs(self) -> tuple[str, ...]:
        """The pairs that have messages, in their order within a day."""
        return tuple(dict.fromkeys(tape.pair for tape in self.tapes))

    def day(self, position: int) -> str:
        """Returns the day of the message at a position, ISO 8601."""
        return str(self.days[position])

    def end_of_day(self, position: int) -> int:
        """Returns the position after the last message of the day of the message before ``position``."""
        if position == 0:
            return 0
        return int(np.searchsorted(self.days, self.days[position - 1], "right"))

    def messages(self, start: int, stop: int, lap: int = 1) -> list[Message]:
        """Returns the messages from position ``start`` up to, but not including, ``stop``.

        Args:
            start: the first position.
            stop: the position after the last one.
            lap: how many times the plan was started. From the second lap on it is part of the message ids, so that ids
                stay unique.
        """
        mark = "" if self.window == DEFAULT_WINDOW else f"+w{self.window}"
        mark += self.mark
        if lap > 1:
            mark += f"+lap{lap}"
        tapes, window = self.tapes, self.window
        return [
            tapes[tape].message(at, window, mark)
            for tape, at in zip(
                self.tape_at[start:stop].tolist(), self.stop_at[start:stop].tolist(), strict=True
            )
        ]


def plan(
    table: rates.RateTable,
    pairs: Sequence[str],
    start: dt.date | None = None,
    end: dt.date | None = None,
    window: int = DEFAULT_WINDOW,
    faults: Sequence[Fault] = (),
) -> Plan:
    """Returns the messages of all pairs and days in a span, ordered by day and then by pair.

    Args:
        table: the rates.
        pairs: the pairs, in order; repeated ones count once.
        start: the first day to make a message for; the oldest if None. Its history uses earlier rates.
        end: the last day to make a message for; the newest if None.
        window: rates per message.
        faults: faults to inject before messages are made, in order.

    Raises:
        UsageError: a pair is not in the table, the span is empty or has no message, a message cannot have that many
            rates, or a fault cannot be injected or is in no message.
    """
    if not MIN_HISTORY <= window <= MAX_HISTORY:
        raise UsageError(f"--window: a message can have {MIN_HISTORY} to {MAX_HISTORY} rates, not {window}")
    if start is not None and end is not None and start > end:
        raise UsageError(f"--from {start} is after --to {end}: swap them")
    names = tuple(dict.fromkeys(pairs))
    clean = {name: rates.series(table, name, end=end) for name in names}
    feed, injections = faulty_feed.inject_all(table, clean, faults)
    tapes: list[Tape] = []
    stops: list[NDArray[np.int32]] = []
    for stretch in (stretch for name in names for stretch in feed[name]):
        first = _first_stop(stretch, start, window)
        if first <= len(stretch.dates):
            tapes.append(Tape(stretch))
            stops.append(np.arange(first, len(stretch.dates) + 1, dtype=np.int32))
    if not tapes:
        removed = any(fault.kind in TAKES_RATES_AWAY for fault in faults)
        raise UsageError(
            _nothing(table, names, window, start, end)
            + (", or let --inject remove fewer rates" if removed else "")
        )
    shown = faulty_feed.carried(faults, injections, _held(clean, start, window), _held(feed, start, window))
    tape_at = np.repeat(np.arange(len(tapes), dtype=np.int32), [len(s) for s in stops])
    stop_at = np.concatenate(stops)
    days = np.concatenate([tape.dates[s - 1] for tape, s in zip(tapes, stops, strict=True)])
    order = np.argsort(days, kind="stable")  # stable: within a day the pairs keep their order
    left_out = tuple(name for name in names if name not in {tape.pair for tape in tapes})
    return Plan(
        tuple(tapes),
        window,
        tape_at[order],
        stop_at[order],
        days[order],
        left_out,
        tuple(_holes(feed, start, left_out)),
        tuple(shown),
        faulty_feed.mark(injections, faults),
    )


def _first_stop(stretch: rates.Series, start: dt.date | None, window: int) -> int:
    """Returns the index after the last rate of a stretch's first message; past its end if it has no message."""
    first = 0 if start is None else int(np.searchsorted(stretch.dates, np.datetime64(start)))
    return max(first + 1, window)


def _holes(
    feed: dict[str, list[rates.Series]], start: dt.date | None, left_out: Sequence[str]
) -> Iterator[Hole]:
    for pair, stretches in feed.items():
        for before, after in pairwise(stretches):
            hole = Hole(pair, before.dates[-1], after.dates[0])
            if pair not in left_out and (start is None or hole.after >= np.datetime64(start)):
                yield hole


def _held(
    feed: dict[str, list[rates.Series]], start: dt.date | None, window: int
) -> dict[str, list[NDArray[np.datetime64]]]:
    """Returns the days in the messages, by pair and stretch."""
    return {
        pair: [
            stretch.dates[stop - window :]
            for stretch in stretches
            if (stop := _first_stop(stretch, start, window)) <= len(stretch.dates)
        ]
        for pair, stretches in feed.items()
    }


def _nothing(
    table: rates.RateTable, names: Sequence[str], window: int, start: dt.date | None, end: dt.date | None
) -> str:
    """Returns why there is nothing to replay, and which rates there are."""
    span = f"from {start or 'the beginning'} to {end or 'the end'}"
    held = f"{table.source} holds {table.dates[0]} to {table.dates[-1]}"
    subject = names[0] if len(names) == 1 else f"any of {len(names)} pairs"
    return (
        f"no {window} rates in a row of {subject} end in the span {span}: {held}; "
        "choose another --from, --to or --window"
    )
