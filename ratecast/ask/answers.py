"""What a model answers: a forecast for each pair, with its ranges, how often they held, and remarks in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ratecast.ask import dataframe

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Range:
    """Where the next rate is expected, in rates and as changes of the last rate in percent."""

    lower: float
    upper: float
    lower_percent: float
    upper_percent: float

    @classmethod
    def around(cls, last_rate: float, lower: float, upper: float) -> Range:
        """Return a range, with its changes from the last rate.

        >>> Range.around(2.0, 1.0, 3.0)
        Range(lower=1.0, upper=3.0, lower_percent=-50.0, upper_percent=50.0)
        """
        return cls(lower, upper, 100 * (lower / last_rate - 1), 100 * (upper / last_rate - 1))


@dataclass(frozen=True, slots=True)
class Held:
    """How often the ranges of a pair held the next rate, on the test days of the training report.

    These days are after those that the tested model was fitted to. Each was forecast from the 61 rates before it.

    Attributes:
        n: number of next rates.
        first_date: day of the first of them.
        last_date: day of the last of them.
        share_80: share of them in the 80 % range, 0 to 1.
        share_95: share of them in the 95 % range, 0 to 1.
    """

    n: int
    first_date: dt.date
    last_date: dt.date
    share_80: float
    share_95: float

    @property
    def years(self) -> str:
        """The years of the test days, such as ``2021-26``."""
        first, last = self.first_date.year, self.last_date.year
        return str(first) if first == last else f"{first}-{last % 100:02d}"

    def __str__(self) -> str:
        return (
            f"the 95 % range held {100 * self.share_95:.1f} of 100 next rates in {self.years} for this pair"
        )


@dataclass(frozen=True, slots=True)
class HorizonForecast:
    """Where a rate several steps ahead is expected.

    Attributes:
        steps: how many rates ahead.
        target: the day of that rate, so many TARGET days after the last rate's; None without dates.
        range_80: holds that rate in 80 of 100 cases.
        range_95: holds that rate in 95 of 100 cases.
        held: how often these ranges held in the test; None if the model's report has no test days of this pair.
    """

    steps: int
    target: dt.date | None
    range_80: Range
    range_95: Range
    held: Held | None

    def as_columns(self) -> dict[str, Any]:
        """Return the ranges as columns of a table, such as ``lower_80_in_5``."""
        narrow, wide, held = self.range_80, self.range_95, self.held
        return {
            f"target_in_{self.steps}": self.target,
            f"lower_80_in_{self.steps}": narrow.lower,
            f"upper_80_in_{self.steps}": narrow.upper,
            f"lower_95_in_{self.steps}": wide.lower,
            f"upper_95_in_{self.steps}": wide.upper,
            f"held_80_in_{self.steps}": None if held is None else held.share_80,
            f"held_95_in_{self.steps}": None if held is None else held.share_95,
        }


@dataclass(frozen=True, slots=True)
class PairForecast:
    """The forecast of the next rate of one pair.

    Attributes:
        pair: the pair, such as ``EUR/USD``.
        last_rate: the newest rate that it is made from.
        last_date: day of that rate; None for rates without dates.
        target: the day that the forecast is for, the next TARGET day after ``last_date``; None without dates.
        forecast: the forecast of the next rate. It is the last rate unless training found something better.
        range_80: holds the next rate in 80 of 100 cases.
        range_95: holds the next rate in 95 of 100 cases.
        interval_quality: ``adaptive``, ``static`` or ``floored``, as in predictions.
        held: how often these ranges held in the test; None if the model's report has no test days of this pair.
        alerts: codes of what is unusual about the newest rates, as in predictions.
        remarks: sentences on what to keep in mind: old rates, alerts, a short history, an old model.
        model_version: version of the model.
        horizons: steps ahead -> ranges of that rate, for the steps that were asked for.
        quantiles: percent -> rate that the next one is below in so many of 100 cases, for the percents asked for.
    """

    pair: str
    last_rate: float
    last_date: dt.date | None
    target: dt.date | None
    forecast: float
    range_80: Range
    range_95: Range
    interval_quality: str
    held: Held | None
    alerts: tuple[str, ...]
    remarks: tuple[str, ...]
    model_version: str
    horizons: Mapping[int, HorizonForecast] = field(default_factory=dict, hash=False)
    quantiles: Mapping[float, float] = field(default_factory=dict, hash=False)

    def as_row(self) -> dict[str, Any]:
        """Return the forecast as one flat row of a table; alerts and remarks are joined texts."""
        narrow, wide, held = self.range_80, self.range_95, self.held
        further = {
            name: value for horizon in self.horizons.values() for name, value in horizon.as_columns().items()
        } | {f"quantile_{percent:g}": rate for percent, rate in self.quantiles.items()}
        return {
            "pair": self.pair,
            "last_rate": self.last_rate,
            "last_date": self.last_date,
            "target": self.target,
            "forecast": self.forecast,
            "lower_80": narrow.lower,
            "upper_80": narrow.upper,
            "lower_95": wide.lower,
            "upper_95": wide.upper,
            "lower_80_percent": narrow.lower_percent,
            "upper_80_percent": narrow.upper_percent,
            "lower_95_percent": wide.lower_percent,
            "upper_95_percent": wide.upper_percent,
            "interval_quality": self.interval_quality,
            "held_80": None if held is None else held.share_80,
            "held_95": None if held is None else held.share_95,
            "held_n": None if held is None else held.n,
            **further,
            "alerts": ", ".join(self.alerts),
            "remarks": " ".join(self.remarks),
            "model_version": self.model_version,
        }


class Answers(Mapping[str, PairForecast]):
    """Forecasts by pair, in the order in which they were asked for; read like a dict."""

    def __init__(self, forecasts: Mapping[str, PairForecast]) -> None:
        self._forecasts = dict(forecasts)

    def __getitem__(self, pair: str) -> PairForecast:
        return self._forecasts[pair]

    def __iter__(self) -> Iterator[str]:
        return iter(self._forecasts)

    def __len__(self) -> int:
        return len(self._forecasts)

    def __repr__(self) -> str:
        return f"Answers({self._forecasts!r})"

    def to_dataframe(self, library: str | None = None) -> Any:
        """Return a data frame with one row for each pair; alerts and remarks are joined texts.

        Args:
            library: ``"pandas"`` or ``"polars"``; if None, the one that is installed. If both are, the one that the
                program has imported, else pandas.

        Raises:
            UsageError: the library is not installed, or neither is.
        """
        return dataframe.frame([forecast.as_row() for forecast in self.values()], library)
