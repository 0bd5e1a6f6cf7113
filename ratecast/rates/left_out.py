"""Rates that are left out of training, described for the terminal, the report and the manifest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class LeftOut:
    """A rate that is left out of training, and the rule of `ratecast.rates.screening` that it breaks."""

    pair: str
    day: str
    rate: float
    rule: str


_SHOWN = 8
# The rules of `ratecast.rates.screening` in a few words each.
RULES = {
    "contradiction": "far from the base table's rate of that day (if most rates are, all are left out)",
    "excursion": "wrong by a factor of 2 or more, then right again (in a file also after a smaller jump and back)",
    "spike": "a jump that the next rate reverses",
    "unconfirmed": "far from the rates before it, and no later rate confirms it",
    "future": "dated later than tomorrow",
}


def epilog() -> str:
    """Return the rules as text for ``--help``."""
    return "Why rates are left out:\n" + "\n".join(f"  {rule}: {meaning}" for rule, meaning in RULES.items())


def lines(left_out: Sequence[LeftOut], source: str | None = None) -> Iterator[str]:
    """Yield lines that count the rates by rule and list the first of them.

    Args:
        left_out: rates in the order of their pairs and days.
        source: name of their file; None for the topic.
    """
    if not left_out:
        return
    where = "" if source is None else f" in {source} (--keep-outliers keeps them)"
    yield f"left out  {len(left_out):,} {_faults(left_out)}{where}:"
    yield from (f"          {count:,} {rule}: {RULES[rule]}" for rule, count in by_rule(left_out).items())
    runs = _runs(left_out)
    yield from (f"          {_describe(run)}" for run in runs[:_SHOWN])
    if len(runs) > _SHOWN:
        yield "          and more (--json lists all)"


def by_rule(left_out: Sequence[LeftOut]) -> dict[str, int]:
    """Return how many rates broke each rule, the most common rule first."""
    return dict(Counter(faulty.rule for faulty in left_out).most_common())


def sentences(left_out: Sequence[LeftOut], source: str) -> tuple[str, ...]:
    """Return one sentence that counts the rates and lists the first of them; none if there are none."""
    if not left_out:
        return ()
    runs = _runs(left_out)
    named = "; ".join(_describe(run) for run in runs[:_SHOWN])
    more = "; and more" if len(runs) > _SHOWN else ""
    return (f"{len(left_out):,} {_faults(left_out)} in {source}, left out of training: {named}{more}.",)


def _faults(left_out: Sequence[LeftOut]) -> str:
    return "rate that looks like a fault" if len(left_out) == 1 else "rates that look like faults"


def _runs(left_out: Sequence[LeftOut]) -> list[list[LeftOut]]:
    return [list(run) for _, run in groupby(left_out, lambda faulty: (faulty.pair, faulty.rule))]


def _describe(run: Sequence[LeftOut]) -> str:
    """Describe consecutive rates of one pair that break one rule."""
    first, last = run[0], run[-1]
    if len(run) == 1:
        return f"{first.pair} {first.day}: {first.rate:.6g} ({first.rule})"
    return f"{first.pair} {first.day} to {last.day}: {len(run):,} rates ({first.rule})"
