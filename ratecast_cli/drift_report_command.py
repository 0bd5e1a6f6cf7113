"""``ratecast drift-report``."""

from __future__ import annotations

import asyncio
import io
import json as json_text
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratecast.errors import ModelBundleError, OperationError, UsageError
from ratecast_cli import console, drift_source, parameters
from ratecast_cli.interruption import interruptible
from ratecast_cli.wording import counted
from ratecast_stack.extras import require_modules

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from ratecast.model.bundle import Bundle
    from ratecast.settings import Settings
    from training.drift_report.analysis import DriftReport
    from training.drift_report.pair_report import PairReport

_NEEDED = ("jinja2", "matplotlib", "scipy")
_SHOWN_PAIRS = 24
_UNWRAPPED = 10_000  # columns: no line is that long


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "drift-report",
        short_help="Report whether to check the feed, retrain, or do nothing.",
        help="Compare predictions with the model and recommend what to do: check the feed, retrain, or nothing. The command "
        "writes an HTML file with pictures, and the same results as JSON next to it. With --csv it scores the rates of "
        "a file as if they had arrived on the topic, to try a feed before it is connected. It joins no consumer group. "
        "The exit code is 0 if the report was written, whatever it recommends.",
        epilog="Example: ratecast drift-report --from 2025-01-01 --output january.html",
    )(drift_report)


def drift_report(  # noqa: PLR0913 - each argument is an option of the command
    *,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="DATE", help=r"First day, by the predictions' as_of. \[default: the oldest]"
        ),
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DATE", help=r"Last day, by the predictions' as_of. \[default: the newest]"
        ),
    ] = None,
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="AAA/BBB", help=r"Report on this pair. Repeatable. \[default: all pairs]"),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help=f"Score the rates of this file instead of reading the topic. {parameters.CSV_FORMAT}",
        ),
    ] = None,
    output: Annotated[
        Path,
        typer.Option(metavar="PATH", help="HTML file to write. The JSON file has the same name with .json."),
    ] = Path("drift-report.html"),
    model: Annotated[
        str | None,
        typer.Option(metavar="VERSION", help=r"Model to compare with. \[default: the current one]"),
    ] = None,
    models_dir: parameters.ModelsDir = None,
    json: parameters.Json = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read or score, analyse, write both files, print where they are."""
    from ratecast_cli.parameters import parse_day
    from ratecast_cli.session import prepare

    require_modules("drift-report", _NEEDED)
    pairs = tuple(dict.fromkeys(parameters.parse_pairs(pair)))
    span = drift_source.Span(parse_day("--from", start), parse_day("--to", end), pairs)
    if span.start and span.end and span.start > span.end:
        raise UsageError(f"--from {span.start} is after --to {span.end}: swap them")
    json_output = checked_output(output)
    settings = prepare(models_dir=models_dir, bootstrap_servers=bootstrap_servers, uses_broker=csv is None)
    bundle = load_bundle(settings, model)
    drift_source.check_known(bundle, span.pairs)

    from training.drift_report.analysis import analyse
    from training.drift_report.drift_page import render
    from training.drift_report.json_report import as_json

    notes: list[str] = []
    if csv is None:
        source = f"topic {settings.output_topic}"
        with interruptible("no report was written"):
            messages = asyncio.run(drift_source.read(settings, bundle, span))
    else:
        source = str(csv)
        messages, notes = drift_source.score(settings, bundle, span, csv)
    drift_source.check_not_empty(messages, source, span)
    report = analyse(bundle.stats, messages, source, settings.drift_std_threshold, notes)
    document = {**as_json(report), "report": str(output)}
    _write(output, render(report))
    _write(json_output, json_text.dumps(document, ensure_ascii=False, allow_nan=False, indent=1) + "\n")
    if json:
        console.print_json(document)
    else:
        show(report, output)


def checked_output(output: Path) -> Path:
    """Returns the path of the JSON file, after checking that the page can be written.

    Raises:
        UsageError: the page cannot be written.
    """
    if output.suffix == ".json":
        raise UsageError(
            f"--output {output}: the page needs another name, since {output} is the name of the JSON file"
        )
    if output.is_dir():
        raise UsageError(f"--output {output} is a directory: name a file in it")
    if not output.absolute().parent.is_dir():
        raise UsageError(f"--output {output}: there is no directory {output.parent}")
    return output.with_suffix(".json")


def load_bundle(settings: Settings, version: str | None) -> Bundle:
    """Returns the model to compare predictions with.

    Raises:
        UsageError: there is no such version.
        ModelBundleError: there is no model, or its bundle is damaged.
    """
    from ratecast.model import bundle as model
    from ratecast.model.signatures import TrustedKeys

    if version is not None and not (settings.models_dir / version / model.MANIFEST).is_file():
        there = sorted(path.parent.name for path in settings.models_dir.glob(f"*/{model.MANIFEST}"))
        raise UsageError(
            f"--model: {settings.models_dir} has no model {version}; it has {', '.join(there) or 'no model at all'}"
        )
    try:
        return model.load(settings.models_dir, version, TrustedKeys.of(settings))
    except ModelBundleError as error:
        raise ModelBundleError(f"{error}; --models-dir sets the directory of the models") from None


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperationError(f"{path} cannot be written: {error.strerror or error}") from None


def show(report: DriftReport, output: Path) -> None:
    """Print the headline, a row for each pair, notes, and the path of the page."""
    from rich.table import Table
    from rich.text import Text

    first, last = report.span
    messages, pairs = len(report.messages), len(report.pairs)
    table = Table(box=None, pad_edge=False)
    table.add_column("pair", no_wrap=True)
    for name in ("messages", "alerts", "drift", "in 80 %", "in 95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict")
    for pair in report.pairs[:_SHOWN_PAIRS]:
        # Text, not str: parts come from messages, and brackets in them are no markup.
        table.add_row(*map(Text, _cells(pair)), style="" if pair.findings else "dim")
    _print(Text(report.headline, style="bold"))
    _print(
        f"{counted(messages, 'prediction')} of {counted(pairs, 'pair')}, {first} to {last}, "
        f"model {report.stats.model_version}\n"
    )
    _print(table)
    rest = len(report.pairs) - _SHOWN_PAIRS
    if rest > 0:
        _print(f"and {counted(rest, 'more pair')}, listed in the report")
    for note in report.notes:
        _print(f"note: {note}")
    _print(f"report  {output}")


def _print(content: str | Text | Table) -> None:
    if console.out.is_terminal:
        console.out.print(content, markup=False, soft_wrap=isinstance(content, str))
        return
    from rich.console import Console

    wide = Console(file=io.StringIO(), width=_UNWRAPPED, highlight=False)
    with wide.capture() as captured:
        wide.print(content, markup=False)
    for line in captured.get().splitlines():
        console.out.print(line.rstrip(), markup=False, soft_wrap=True)


def _cells(pair: PairReport) -> tuple[str, ...]:
    coverage = pair.answers.newest().coverage
    shares = ("-", "-") if coverage is None else tuple(f"{100 * share:.0f}%" for share in coverage)
    verdict = "nothing to do"
    if pair.findings:
        more = f" (+{len(pair.findings) - 1})" if len(pair.findings) > 1 else ""
        verdict = f"{pair.action.value.replace('_', ' ')}: {pair.findings[0].brief}{more}"
    drifted = f"{100 * pair.drifted.any(axis=1).mean():.0f}%"
    return (
        pair.pair,
        f"{len(pair.messages):,}",
        f"{pair.messages.marked().sum():,}",
        drifted,
        *shares,
        verdict,
    )
