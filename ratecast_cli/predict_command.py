"""``ratecast predict``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import UnsetType

from ratecast.errors import MessageRejectedError, UsageError
from ratecast_cli import console, parameters
from ratecast_cli.interruption import interruptible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from producer.publish import Answer
    from ratecast.contract.wire import HorizonRow, PredictionRow


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "predict",
        help="Publish one history and wait for its forecast. The message goes through the brokers and a running "
        "worker, like a message of any other client. With 21 rates or more the range adapts to their volatility.",
        short_help="Publish one history and wait for its forecast.",
        epilog="Example: ratecast predict 0.85 0.86 0.87 --pair EUR/GBP",
        context_settings={"ignore_unknown_options": True},  # a negative number is a wrong rate, not an option
    )(predict)


def predict(
    *,
    rate: Annotated[list[str], typer.Argument(metavar="RATE", help="3 to 1,024 rates, the oldest first.")],
    pair: Annotated[
        str | None,
        typer.Option(metavar="AAA/BBB", help=r"The rates' pair. \[default: the default pair of the model]"),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help=r"Date or date-time of the last rate. \[default: none]")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait for the answer.")
    ] = 10.0,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Check the message, publish it, show the answer."""
    import asyncio

    from producer.publish import new_message, publish_and_wait
    from ratecast.contract.wire import to_builtins
    from ratecast_cli.session import prepare

    message = new_message(parse_rates(rate), None if pair is None else parameters.parse_pair(pair), as_of)
    settings = prepare(bootstrap_servers=bootstrap_servers)
    # A user who waits ten seconds for an answer does not want to wait a minute for a broker.
    limit = min(timeout, settings.connect_timeout_seconds)
    settings = settings.model_copy(update={"connect_timeout_seconds": limit})
    try:
        with interruptible("a message that was already published is still scored"):
            answer = asyncio.run(publish_and_wait(settings, message, timeout))
    except MessageRejectedError as refusal:
        if json:
            console.print_json({"code": refusal.code, "message": refusal.message})
        raise
    if json:
        console.print_json(to_builtins(answer.prediction))
    else:
        show(answer)


def parse_rates(texts: Sequence[str]) -> list[float]:
    """Returns the rates as numbers.

    Raises:
        UsageError: one is not a positive number, or an option is unknown; the message names it.

    >>> parse_rates(["0.85", "0.86", "8.7e-1"])
    [0.85, 0.86, 0.87]
    """
    rates = []
    for number, text in enumerate(texts, 1):
        try:
            rate = float(text)
            if not math.isfinite(rate):
                raise ValueError  # noqa: TRY301 - reported like any other text that is no number
        except ValueError:
            if text.startswith("-"):
                raise UsageError(f"there is no option {text}: see `ratecast predict --help`") from None
            raise UsageError(f"rate {number} is {text!r}, which is not a number") from None
        if rate <= 0:
            raise UsageError(f"rate {number} is {text}, rates must be above 0")
        rates.append(rate)
    return rates


def show(answer: Answer) -> None:
    """Print the prediction as a table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="dim")
    table.add_column()
    for name, value, style in rows(answer.prediction):
        table.add_row(name, Text(value, style))
    table.add_row("answered in", f"{1000 * answer.seconds:,.0f} ms")
    console.show(table)


def rows(prediction: PredictionRow) -> list[tuple[str, str, str]]:
    """Returns name, text and style of each line of the table."""
    change = prediction.prediction / prediction.baseline - 1.0
    drift = prediction.drift
    table = [
        ("pair", prediction.pair, "bold"),
        ("last rate", f"{prediction.baseline:.6g}", ""),
        ("forecast", f"{prediction.prediction:.6g} ({change:+.3%})", "bold"),
        ("80 % range", _range(prediction.intervals.level_80), ""),
        ("95 % range", _range(prediction.intervals.level_95), ""),
        ("ranges", _QUALITY.get(prediction.interval_quality, prediction.interval_quality), ""),
        ("drift", _drift(drift.features, drift.scores), "yellow" if drift.is_drift else "green"),
        ("alerts", _alerts(prediction), "yellow" if prediction.alerts else ""),
        ("model", prediction.model_version, ""),
    ]
    horizons = [] if isinstance(prediction.horizons, UnsetType) else prediction.horizons
    quantiles = {} if isinstance(prediction.quantiles, UnsetType) else prediction.quantiles
    if quantiles:
        lines = "\n".join(f"{percent:>4} %  {rate:.6g}" for percent, rate in quantiles.items())
        table.insert(5, ("quantiles", lines, ""))
    table[5:5] = map(_horizon, horizons)
    if not isinstance(prediction.target, UnsetType):
        table.insert(2, ("forecast for", prediction.target, ""))
    if prediction.as_of is not None:
        table.insert(1, ("as of", prediction.as_of, ""))
    return table


_QUALITY = {
    "adaptive": "adaptive: from the volatility of these rates",
    "static": "static: too few rates to estimate their volatility, so the volatility from training is used",
    "floored": "floored: these rates moved less than a tenth of the rates in training; a tenth of the volatility from "
    "training is used, so the ranges are too wide",
}


def _horizon(found: HorizonRow) -> tuple[str, str, str]:
    day = "" if isinstance(found.target, UnsetType) else f" on {found.target}"
    ranges = found.intervals
    text = f"80 %: {_range(ranges.level_80)}, 95 %: {_range(ranges.level_95)}{day}"
    return f"in {found.steps} steps", text, ""


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.6g} to {bounds[1]:.6g}"


def _alerts(prediction: PredictionRow) -> str:
    texts = prediction.alert_messages
    return "\n".join(prediction.alerts if isinstance(texts, UnsetType) else texts.values()) or "none"


def _drift(features: list[str], scores: Any) -> str:
    if not features:
        return "no"
    # The scores are distances from the mean in training, in its standard deviations.
    return "\n".join(["yes", *(f"{name} {getattr(scores, name):+,.1f} std" for name in features)])
