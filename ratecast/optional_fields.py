"""Which optional fields a prediction has: ranges for further steps (``horizons``) and quantiles of the next rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.errors import UsageError
from ratecast.field_faults import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HORIZONS = (2, 5, 10, 21)  # steps ahead
QUANTILES = ("1", "2.5", "5", "10", "25", "50", "75", "90", "95", "97.5", "99")  # percent, as in predictions
ALL, NONE = "all", "none"


@dataclass(frozen=True, slots=True)
class OptionalFields:
    """What to add to each prediction, besides the next rate and its ranges.

    Attributes:
        horizons: steps ahead to add ranges for, of `HORIZONS`, ascending.
        quantiles: quantiles to add in percent, of `QUANTILES`, ascending.
    """

    horizons: tuple[int, ...] = ()
    quantiles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.horizons or self.quantiles)


def parse_horizons(text: str) -> tuple[int, ...]:
    """Return the steps of a setting: numbers of `HORIZONS` separated by commas, ``all`` or ``none``.

    Raises:
        ValueError: a number is not one of them. The message says what the text must be.

    >>> parse_horizons("5,2"), parse_horizons("all"), parse_horizons("none")
    ((2, 5), (2, 5, 10, 21), ())
    """
    return tuple(map(int, _parse(text, tuple(map(str, HORIZONS)))))


def parse_quantiles(text: str) -> tuple[str, ...]:
    """Return the percents of a setting: numbers of `QUANTILES` separated by commas, ``all`` or ``none``.

    Raises:
        ValueError: a number is not one of them. The message says what the text must be.

    >>> parse_quantiles("97.50, 5")
    ('5', '97.5')
    """
    return _parse(text, QUANTILES)


def chosen_horizons(steps: Iterable[int]) -> tuple[int, ...]:
    """Return steps given as numbers, ascending.

    Raises:
        UsageError: one is not of `HORIZONS`.
    """
    return tuple(map(int, _chosen("horizons", steps, tuple(map(str, HORIZONS)))))


def chosen_quantiles(percents: Iterable[float]) -> tuple[str, ...]:
    """Return percents given as numbers, ascending, as predictions name them.

    Raises:
        UsageError: one is not of `QUANTILES`.

    >>> chosen_quantiles([97.5, 5])
    ('5', '97.5')
    """
    return _chosen("quantiles", percents, QUANTILES)


def _parse(text: str, choices: Sequence[str]) -> tuple[str, ...]:
    word = text.strip().lower()
    if word == NONE:
        return ()
    if word == ALL:
        return tuple(choices)
    try:
        wanted = {f"{float(part):g}" for part in text.split(",")}
    except ValueError:
        wanted = {text}
    if not wanted <= set(choices):
        raise ValueError(
            f"must be {ALL}, {NONE} or some of {', '.join(choices)}, separated by commas, got {shown(text)}"
        )
    return tuple(choice for choice in choices if choice in wanted)


def _chosen(name: str, given: Iterable[float], choices: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str):
        raise UsageError(f"{name} must be a list of numbers, got {shown(given)}")
    wanted = {f"{number:g}": number for number in given}
    for text, number in wanted.items():
        if text not in choices:
            raise UsageError(f"{name} must be some of {', '.join(choices)}, got {shown(number)}")
    return tuple(choice for choice in choices if choice in wanted)
