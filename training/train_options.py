"""What a training is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.fit import ForestSettings

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from ratecast.rates.tables import RateTable


@dataclass(frozen=True)
class TrainOptions:
    """What to train on and where to put it.

    Attributes:
        models_dir: where bundles are kept.
        until: last day to learn from; the newest there is when None.
        pairs: which pairs; when empty, a CSV's own columns or ``rates.DEFAULT_PAIRS``.
        csv: a user's rates instead of the ECB's.
        table: rates at hand, instead of either.
        default_pair: of messages that name none; ``rates.DEFAULT_PAIR`` if trained, else the first pair.
        forest: seed and size.
        keep_outliers: learn also from rates of the CSV that look like faults.
        today: rates of the CSV that are dated later than tomorrow are left out; the clock's day when None.
        notes: what is to be said of a table at hand.
    """

    models_dir: Path
    until: dt.date | None = None
    pairs: tuple[str, ...] = ()
    csv: Path | None = None
    table: RateTable | None = None
    default_pair: str | None = None
    forest: ForestSettings = field(default_factory=ForestSettings)
    keep_outliers: bool = False
    today: dt.date | None = None
    notes: tuple[str, ...] = ()
