"""The state that the page shows, encoded once for all its readers."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import TYPE_CHECKING, Any

import msgspec

from web.entries import AlertEntry, LetterEntry, moment
from web.pair_view import pair_view, tile
from web.series import points

if TYPE_CHECKING:
    from web.model_card import ModelCards
    from web.page_memory import PageMemory
    from web.topic_feed import TopicFeed
    from web.worker_scrapes import WorkerScrapes

_ALERTS = 50
_FEED = 100
_TILE_ROWS = 160  # enough for a hundred judged ranges; a tile is made anew with each message of its pair


class LiveState:
    """Answers the page's questions from what was read so far.

    Args:
        memory: predictions, alerts and dead letters.
        feed: where they come from.
        scrapes: what the workers say of themselves.
        cards: what is known of models.
        is_demo: whether the page may publish faults.
    """

    def __init__(
        self,
        memory: PageMemory,
        feed: TopicFeed,
        scrapes: WorkerScrapes,
        cards: ModelCards,
        *,
        is_demo: bool,
    ) -> None:
        self._memory = memory
        self._feed = feed
        self._scrapes = scrapes
        self._cards = cards
        self._is_demo = is_demo
        self._tiles: dict[str, tuple[int, msgspec.Raw]] = {}

    @property
    def version(self) -> int:
        """Grows with each record that was read."""
        return self._memory.version

    def state(self, since: int = 0) -> bytes:
        """Return the state as JSON.

        Args:
            since: show only the pairs that changed after this version.
        """
        changed = sorted(pair for pair, memory in self._memory.pairs.items() if memory.version > since)
        for pair in self._tiles.keys() - self._memory.pairs.keys():
            del self._tiles[pair]
        return msgspec.json.encode(
            {
                "now": dt.datetime.now(dt.UTC).isoformat(),
                "demo": self._is_demo,
                "strip": self.strip(),
                "pairs": [found for pair in changed if (found := self._tile(pair)) is not None],
                "alerts": [_alert(entry) for entry in _newest(self._memory.alerts, _ALERTS)],
            }
        )

    def strip(self) -> dict[str, Any]:
        """Return the figures that say whether everything works."""
        feed, scrapes, memory = self._feed, self._scrapes, self._memory
        return {
            "messages_per_second": round(feed.messages_per_second(), 1),
            "p50_ms": _rounded(scrapes.latency_ms(0.5)),
            "p99_ms": _rounded(scrapes.latency_ms(0.99)),
            "lag": scrapes.lag,
            "workers": scrapes.workers,
            "workers_expected": scrapes.expected,
            "dead_letters": memory.dead_letters,
            "predictions": memory.predictions,
            "broker": "ok" if feed.reachable else "unreachable",
            "newest_at": None if memory.newest_ms is None else moment(memory.newest_ms),
            "problems": self.problems(),
        }

    def problems(self) -> list[str]:
        """Return a sentence for each thing that is wrong."""
        reading = [] if self._feed.fault is None else [self._feed.fault]
        return reading + self._scrapes.problems()

    def pair(self, pair: str) -> bytes | None:
        """Return the view of one pair as JSON; None if no prediction of it was read. It may read a file."""
        memory = self._memory.pairs.get(pair)
        rows = [] if memory is None else list(memory.rows)
        if not points(rows):
            return None
        card = self._cards.card(rows[-1].model_version, pair)
        return msgspec.json.encode(pair_view(pair, rows, card))

    def feed(self, before: str | None) -> bytes:
        """Return the newest alerts and dead letters as JSON, newest first.

        Args:
            before: only entries that are older than this one (its ``id``), or than this time.
        """
        entries: list[AlertEntry | LetterEntry] = [*self._memory.alerts, *self._memory.letters]
        entries.sort(key=_age)
        if before is not None:
            entries = [entry for entry in entries if _is_before(entry, before)]
        return msgspec.json.encode({"entries": entries[: -_FEED - 1 : -1]})

    def _tile(self, pair: str) -> msgspec.Raw | None:
        memory = self._memory.pairs[pair]
        kept = self._tiles.get(pair)
        if kept is None or kept[0] != memory.version:
            series = points(itertools.islice(memory.rows, max(0, len(memory.rows) - _TILE_ROWS), None))
            if not series:
                return None
            kept = memory.version, msgspec.Raw(msgspec.json.encode(tile(pair, series)))
            self._tiles[pair] = kept
        return kept[1]


def _newest(entries: Any, count: int) -> list[Any]:
    return list(itertools.islice(reversed(entries), count))


def _alert(entry: AlertEntry) -> dict[str, str | None]:
    return {
        "pair": entry.pair,
        "code": entry.code,
        "words": entry.words,
        "as_of": entry.as_of,
        "scored_at": entry.scored_at,
    }


def _age(entry: AlertEntry | LetterEntry) -> tuple[str, int]:
    return entry.at, _number(entry.id)


def _number(entry_id: str) -> int:
    number = entry_id.partition("-")[0]
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 19 else 0


def _is_before(entry: AlertEntry | LetterEntry, before: str) -> bool:
    is_id = before.partition("-")[0].isdecimal() and "T" not in before
    return _number(entry.id) < _number(before) if is_id else entry.at < before


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
