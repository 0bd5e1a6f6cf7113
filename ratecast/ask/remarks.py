"""What somebody who relies on a forecast should know about it, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UnsetType

from ratecast.model.features import ADAPTIVE_LENGTH, WINDOW

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

    from ratecast.contract.wire import PredictionRow

OLD_MODEL_DAYS = (
    400  # as the alert RatecastModelTooOld: a model is trained once a year, and a month is left to do it
)
_DAYS_OF_A_YEAR = 365.25


def remarks(
    prediction: PredictionRow,
    count: int,
    dates: tuple[dt.date | None, dt.date | None],
    trained_until: dt.date,
    today: dt.date,
) -> Iterator[str]:
    """Yield sentences, the most important ones first.

    Args:
        prediction: the prediction of a worker.
        count: number of rates in its history.
        dates: day of the newest rate, and day of the forecast; None where unknown.
        trained_until: day of the newest rate that the model was trained on.
        today: the current day.
    """
    last, target = dates
    if last is not None and target is not None and target < today:
        days = (today - last).days
        yield f"The last rate is {days} days old. The day of the forecast has passed, so newer rates exist."
    texts = prediction.alert_messages
    for alert in prediction.alerts if isinstance(texts, UnsetType) else texts.values():
        yield f"Feed alert: {alert}."
    if prediction.interval_quality == "static" and count >= ADAPTIVE_LENGTH:
        yield (
            f"Most of the {count} rates only repeat a rate or are faulty, so the range uses the volatility from training."
        )
    elif prediction.interval_quality == "static":
        yield (
            f"The history has {count} rates, so the range uses the volatility from training. From {ADAPTIVE_LENGTH} "
            f"rates on it uses that of the history. The ranges were tested with {WINDOW} rates."
        )
    if prediction.interval_quality == "floored":
        yield "The rates moved less than a tenth as much as in training, so the ranges are too wide."
    if drifted := prediction.drift.features:
        scores = prediction.drift.scores
        named = ", ".join(f"{name} ({getattr(scores, name):+,.1f} std)" for name in drifted)
        yield f"Drift: outside what training saw are {named}."
    days = ((last or today) - trained_until).days
    if days > OLD_MODEL_DAYS:
        years = f"{days / _DAYS_OF_A_YEAR:.1f} years {'ago' if last is None else 'before the last rate'}"
        yield f"The model was trained on rates until {trained_until}, {years}. Train it again."
