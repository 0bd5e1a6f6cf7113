"""Rates that are not learnt from, in words: for the terminal, the report and the manifest. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class LeftOut:
    """A rate that is not learnt from, and the rule of `ratecast.rates.screening` that it breaks."""

    pair: str
    day: str
    rate: float
    rule: str


_SHOWN = 8
# The rules of `ratecast.rates.screening`, each in a clause.
RULES = {
    "contradiction": "far from the base's rate of that day, or of a feed that mostly is",
    "excursion": "off by a factor of 2 or more, and then back (a file's: off by a jump that another one takes back)",
    "spike": "a jump that the next rate takes back",
    "unconfirmed": "far from the rates before it, and no later rate tells whether that is right",
    "future": "later than tomorrow",
}


def epilog() -> str:
    """The rules for ``--help``."""
    return "Why rates are left out:\n" + "\n".join(f"  {rule}: {meaning}" for rule, meaning in RULES.items())


def lines(left_out: Sequence[LeftOut], source: str | None = None) -> Iterator[str]:
    """The rates by rule, and the first of them by name.

    Args:
        left_out: in the order of their pairs and days.
        source: name of the file they are from; None for the topic.
    """
    if not left_out:
        return
    whose = "" if source is None else f" in {source} (--keep-outliers keeps what is left out)"
    yield f"left out  {len(left_out):,} {_faults(left_out)}{whose}:"
    yield from (f"          {count:,} {rule}: {RULES[rule]}" for rule, count in by_rule(left_out).items())
    runs = _runs(left_out)
    yield from (f"          {_describe(run)}" for run in runs[:_SHOWN])
    if len(runs) > _SHOWN:
        yield "          and more (--json has all)"


def by_rule(left_out: Sequence[LeftOut]) -> dict[str, int]:
    """How many broke each rule, the commonest first."""
    return dict(Counter(faulty.rule for faulty in left_out).most_common())


def sentences(left_out: Sequence[LeftOut], source: str) -> tuple[str, ...]:
    """The same in one sentence, or none."""
    if not left_out:
        return ()
    runs = _runs(left_out)
    named = "; ".join(_describe(run) for run in runs[:_SHOWN])
    more = "; and more" if len(runs) > _SHOWN else ""
    return (f"{len(left_out):,} {_faults(left_out)} in {source}, not learnt from: {named}{more}.",)


def _faults(left_out: Sequence[LeftOut]) -> str:
    return "rate that looks like a fault" if len(left_out) == 1 else "rates that look like faults"


def _runs(left_out: Sequence[LeftOut]) -> list[list[LeftOut]]:
    return [list(run) for _, run in groupby(left_out, lambda faulty: (faulty.pair, faulty.rule))]


def _describe(run: Sequence[LeftOut]) -> str:
    """Rates of one pair that break one rule."""
    first, last = run[0], run[-1]
    if len(run) == 1:
        return f"{first.pair} {first.day}: {first.rate:.6g} ({first.rule})"
    return f"{first.pair} {first.day} to {last.day}: {len(run):,} rates ({first.rule})"
