"""``ratecast predict``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec import UnsetType

from ratecast.errors import MessageRejectedError
from ratecast_cli import console, parameters

if TYPE_CHECKING:
    from producer.publish import Answer
    from ratecast.contract.wire import PredictionRow


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "predict",
        help="Publish one history and wait for its forecast: through the brokers and a running worker, as any "
        "other client would. 21 rates or more give a range that adapts to their volatility.",
        short_help="Publish one history and wait for its forecast.",
        epilog="Example: ratecast predict 0.85 0.86 0.87 --pair EUR/GBP",
    )(predict)


def predict(
    *,
    history: Annotated[list[float], typer.Argument(metavar="RATE", help="3 to 1,024 rates, oldest first.")],
    pair: Annotated[
        str | None, typer.Option(metavar="AAA/BBB", help=r"Whose rates. \[default: the model's default pair]")
    ] = None,
    as_of: Annotated[
        str | None, typer.Option(metavar="DATE", help=r"Day or time of the last rate. \[default: not told]")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="How long to wait for the answer.")
    ] = 10.0,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Check the message, publish it, show what came back."""
    import asyncio

    from producer.publish import new_message, publish_and_wait
    from ratecast.contract.wire import to_builtins
    from ratecast.settings import load_settings
    from ratecast_cli.logs import configure_logging

    message = new_message(history, None if pair is None else parameters.parse_pair(pair), as_of)
    settings = load_settings(bootstrap_servers=bootstrap_servers)
    # Who waits ten seconds for an answer does not want to wait a minute for a broker.
    patience = min(timeout, settings.connect_timeout_seconds)
    settings = settings.model_copy(update={"connect_timeout_seconds": patience})
    configure_logging(settings)
    try:
        answer = asyncio.run(publish_and_wait(settings, message, timeout))
    except MessageRejectedError as refusal:
        if json:
            console.print_json({"code": refusal.code, "message": refusal.message})
        raise
    if json:
        console.print_json(to_builtins(answer.prediction))
    else:
        show(answer)


def show(answer: Answer) -> None:
    """The prediction for people."""
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
    """Name, text and style of each line of the table."""
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
    if prediction.as_of is not None:
        table.insert(1, ("as of", prediction.as_of, ""))
    return table


_QUALITY = {
    "adaptive": "adaptive: from the volatility of these rates",
    "static": "static: too few rates to tell their volatility, so training's is used",
    "floored": "floored: these rates move less than a tenth of what training's did, so a tenth is used: too wide",
}


def _range(bounds: tuple[float, float]) -> str:
    return f"{bounds[0]:.6g} to {bounds[1]:.6g}"


def _alerts(prediction: PredictionRow) -> str:
    words = prediction.alert_messages
    return "\n".join(prediction.alerts if isinstance(words, UnsetType) else words.values()) or "none"


def _drift(features: list[str], scores: Any) -> str:
    if not features:
        return "no"
    # In std of the training distribution, from its mean.
    return "\n".join(["yes", *(f"{name} {getattr(scores, name):+,.1f} std" for name in features)])
