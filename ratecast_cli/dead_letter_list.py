"""The view of ``ratecast dead-letters list``: the number of dead letters with each code, and the newest of them."""

from __future__ import annotations

import datetime as dt
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratecast.contract import dead_letter
from ratecast_cli import console
from ratecast_cli.whole_topic import whole_topic
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    from ratecast.contract.record import Record
    from ratecast.errors import ErrorCode
    from ratecast.settings import Settings

_SHOWN_BYTES = 60


@dataclass
class Group:
    """The dead letters with one code.

    Attributes:
        code: the error code; None for records without one.
        samples: the newest dead letters.
        count: how many there are in all.
        newest: when the newest was published, in ms since 1970.
    """

    code: str | None
    samples: list[Record] = field(default_factory=list)
    count: int = 0
    newest: int = 0

    def newest_first(self) -> list[Record]:
        """Returns the samples, the newest first."""
        return sorted(self.samples, key=_age, reverse=True)

    def as_json(self) -> dict[str, Any]:
        """Returns the group for programs."""
        return {
            "code": self.code,
            "count": self.count,
            "newest": _moment(self.newest),
            "samples": [_sample(letter) for letter in self.newest_first()],
        }


async def grouped(settings: Settings, code: ErrorCode | None, limit: int) -> list[Group]:
    """Returns the dead letters of each code, the most frequent code first."""
    groups: dict[str | None, Group] = {}
    async with aclosing(whole_topic(settings, settings.dead_letter_topic)) as batches:
        async for batch in batches:
            for letter in batch:
                found = dead_letter.parse(letter.headers).code
                if code is None or found == code:
                    _add(groups.setdefault(found, Group(found)), letter, limit)
    return sorted(groups.values(), key=lambda group: (-group.count, group.code or ""))


def _add(group: Group, letter: Record, limit: int) -> None:
    """Count a dead letter, and keep it as a sample while it is among the newest of all partitions."""
    group.count += 1
    group.newest = max(group.newest, letter.timestamp)
    group.samples.append(letter)
    if len(group.samples) > limit:
        group.samples.remove(min(group.samples, key=_age))


def _age(letter: Record) -> tuple[int, int, int]:
    """Returns the sort key of dead letters. Many in one batch have the same timestamp."""
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
    """Print the groups as a table, then the samples."""
    from rich.table import Table

    if not groups:
        console.line(f"no dead letters on {settings.dead_letter_topic}")
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
    rounds = f", redelivered {counted(hops, 'time')}" if hops else ""
    value = printable(letter.value and letter.value[: 2 * _SHOWN_BYTES], _SHOWN_BYTES)
    console.line(f"  {place}{rounds}\n  {value}")
