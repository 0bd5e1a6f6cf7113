"""What ``ratecast dead-letters list`` shows: the letters of each code, counted, with the newest of them."""

from __future__ import annotations

import datetime as dt
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratecast.contract import dead_letter
from ratecast_cli import console
from ratecast_cli.whole_topic import whole_topic

if TYPE_CHECKING:
    from ratecast.contract.record import Record
    from ratecast.errors import ErrorCode
    from ratecast.settings import Settings

_SHOWN_BYTES = 60


@dataclass
class Group:
    """The dead letters with one code.

    Attributes:
        code: the code; None for records that carry none.
        samples: the newest.
        count: how many there are.
        newest: when the newest was published, ms since 1970.
    """

    code: str | None
    samples: list[Record] = field(default_factory=list)
    count: int = 0
    newest: int = 0

    def newest_first(self) -> list[Record]:
        """The samples in this order."""
        return sorted(self.samples, key=_age, reverse=True)

    def as_json(self) -> dict[str, Any]:
        """The group for programs."""
        return {
            "code": self.code,
            "count": self.count,
            "newest": _moment(self.newest),
            "samples": [_sample(letter) for letter in self.newest_first()],
        }


async def grouped(settings: Settings, code: ErrorCode | None, limit: int) -> list[Group]:
    """Every code's letters, the commonest first."""
    groups: dict[str | None, Group] = {}
    async with aclosing(whole_topic(settings, settings.dead_letter_topic)) as batches:
        async for batch in batches:
            for letter in batch:
                found = dead_letter.parse(letter.headers).code
                if code is None or found == code:
                    _add(groups.setdefault(found, Group(found)), letter, limit)
    return sorted(groups.values(), key=lambda group: (-group.count, group.code or ""))


def _add(group: Group, letter: Record, limit: int) -> None:
    """Count a letter; keep it while it is among the newest, whatever partition it came from."""
    group.count += 1
    group.newest = max(group.newest, letter.timestamp)
    group.samples.append(letter)
    if len(group.samples) > limit:
        group.samples.remove(min(group.samples, key=_age))


def _age(letter: Record) -> tuple[int, int, int]:
    """What letters are ordered by; many of one batch have the same timestamp."""
    return letter.timestamp, letter.partition, letter.offset


def _sample(letter: Record) -> dict[str, Any]:
    from ratecast.contract.dead_letter_json import dead_letter_as_json

    shown = dead_letter_as_json(letter)
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "source": shown["source"],
        "message": shown["message"],
        "hops": dead_letter.parse(letter.headers).hops or 0,
        "key": shown["key"],
        "value": shown["value"],
    }


def _moment(milliseconds: int) -> str:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC).isoformat(timespec="seconds")


def show(settings: Settings, groups: list[Group]) -> None:
    """Groups for people."""
    from rich.table import Table

    if not groups:
        console.out.print(f"no dead letters on {settings.dead_letter_topic}", markup=False, soft_wrap=True)
        return
    table = Table(box=None, pad_edge=False)
    for name in ("code", "count", "newest"):
        table.add_column(name, justify="right" if name == "count" else "left", no_wrap=True)
    for group in groups:
        table.add_row(group.code or "-", f"{group.count:,}", _moment(group.newest))
    console.show(table)
    for group in groups:
        for letter in group.newest_first():
            _show_sample(group.code, letter)


def _show_sample(code: str | None, letter: Record) -> None:
    from rich.text import Text

    from producer.redelivery import place_of
    from ratecast_cli.tail_command import printable

    headers = dead_letter.parse(letter.headers)
    console.out.print(Text(f"\n{code or '-'}: {headers.message or '-'}", style="bold"), soft_wrap=True)
    place = f"at partition {letter.partition} offset {letter.offset}, from {place_of(letter)}"
    hops = headers.hops or 0
    rounds = f", replayed {hops} {'time' if hops == 1 else 'times'}" if hops else ""
    value = printable(letter.value and letter.value[: 2 * _SHOWN_BYTES], _SHOWN_BYTES)
    console.out.print(f"  {place}{rounds}\n  {value}", markup=False, soft_wrap=True)
