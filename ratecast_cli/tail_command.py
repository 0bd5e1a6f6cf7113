"""``ratecast tail``."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import aclosing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import UnsetType

from ratecast.signals import on_stop_signal
from ratecast_cli import console, parameters

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from ratecast.contract.record import Record
    from ratecast.contract.wire import PredictionRow
    from ratecast.settings import Settings


class Which(StrEnum):
    """The topic to show."""

    PREDICTIONS = "predictions"
    DEAD_LETTERS = "dead-letters"


def register(app: typer.Typer) -> None:
    """Attach the command."""
    app.command(
        "tail",
        help="Show predictions or dead letters as they arrive, or from the oldest on. Records of open or aborted "
        "transactions are not shown. The command joins no consumer group, so workers are not affected. "
        "Ctrl-C ends it.",
        short_help="Show predictions or dead letters as they arrive.",
        epilog="Example: ratecast tail --from-beginning --no-follow --json | head -1",
    )(tail)


def tail(  # noqa: PLR0913 - each argument is an option of the command
    *,
    which: Annotated[Which, typer.Argument(metavar="TOPIC", help="The topic to show.")] = Which.PREDICTIONS,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record instead of the next one.")
    ] = False,
    follow: Annotated[
        bool,
        typer.Option("--follow/--no-follow", help="At the end of the topic, wait for more records or stop."),
    ] = True,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after N records.")] = None,
    pair: Annotated[
        str | None,
        typer.Option(metavar="AAA/BBB", help="Show only this pair, or only dead letters with this key."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object on each line, for programs.")
    ] = False,
    bootstrap_servers: parameters.BootstrapServers = None,
) -> None:
    """Read the topic and write a line for each record."""
    from ratecast_cli.session import prepare

    if pair is not None and which is Which.PREDICTIONS:  # a dead letter's key may be anything
        pair = parameters.parse_pair(pair)
    settings = prepare(bootstrap_servers=bootstrap_servers)
    lines = (DeadLetterLines if which is Which.DEAD_LETTERS else PredictionLines)(pair, as_json=json)
    topic = settings.dead_letter_topic if which is Which.DEAD_LETTERS else settings.output_topic
    try:
        asyncio.run(
            _run(_write(settings, topic, lines, from_beginning=from_beginning, follow=follow, limit=limit))
        )
    except BrokenPipeError:
        # The reader of the pipe, such as `head`, is done. Without this Python fails when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _run(writing: Coroutine[None, None, None]) -> None:
    """Write until everything is written or a signal ends it."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - for the type checker; a coroutine runs in a task
    stopped = asyncio.Event()

    def on_signal() -> None:
        stopped.set()
        task.cancel()

    try:
        with on_stop_signal(on_signal):
            await writing
    except asyncio.CancelledError:
        # Ctrl-C is the normal end of a live view, not a failure.
        if not stopped.is_set():
            raise


async def _write(
    settings: Settings,
    topic: str,
    lines: PredictionLines | DeadLetterLines,
    *,
    from_beginning: bool,
    follow: bool,
    limit: int | None,
) -> None:
    """Write lines and flush after each batch, so that the reader of a pipe sees a single record without delay."""
    from ratecast.kafka.reader import open_reader

    written = 0
    async with open_reader(settings, [topic], from_beginning=from_beginning) as reader:
        lines.begin()
        async with aclosing(reader.batches(follow=follow)) as batches:
            async for batch in batches:
                for record in batch:
                    written += lines.write(record)
                    if written == limit:
                        break
                sys.stdout.flush()
                if written == limit:
                    return


class _Lines:
    """One line for each record, in aligned columns or as JSON.

    Args:
        pair: show only this pair; all if None.
        as_json: write JSON lines instead of columns.
    """

    HEADER = ""

    def __init__(self, pair: str | None, *, as_json: bool) -> None:
        self.pair = pair
        self.as_json = as_json

    def begin(self) -> None:
        """Write the header."""
        if not self.as_json:
            self.line(self.HEADER, "bold")
            sys.stdout.flush()

    def line(self, text: str, style: str = "") -> None:
        """Write one line to stdout."""
        if style and console.out.is_terminal:
            console.out.print(text, style=style, markup=False)
        else:
            # Ten times faster than rich, so a long topic is read at the brokers' speed.
            sys.stdout.write(text + "\n")


class PredictionLines(_Lines):
    """Lines of the predictions topic."""

    # Narrow enough that 80 columns show the beginning of the remarks.
    HEADER = (
        f"{'as of':<10}  {'for':<5}  {'pair':<7}  {'last':>8}  {'forecast':>8}  {'95 % range':<20}  remarks"
    )

    def write(self, record: Record) -> bool:
        """Write the record's line; returns False if the record is not shown."""
        import msgspec

        from ratecast.contract.wire import decode_prediction, encode_prediction

        try:
            prediction = decode_prediction(record.value or b"")
        except msgspec.DecodeError as error:
            place = f"{record.topic}-{record.partition}@{record.offset}"
            console.note(f"{place} is not a prediction: {error}")
            return False
        if self.pair is not None and prediction.pair != self.pair:
            return False
        if self.as_json:
            self.line(encode_prediction(prediction).decode())
        else:
            self.line(fitted(self.columns(prediction)), "yellow" if prediction.drift.is_drift else "")
        return True

    @staticmethod
    def columns(prediction: PredictionRow) -> str:
        """Returns the prediction as one aligned line."""
        lower, upper = prediction.intervals.level_95
        remarks = [", ".join(prediction.alerts)] if prediction.alerts else []
        if prediction.drift.is_drift:
            remarks.append(f"drift: {' '.join(prediction.drift.features)}")
        if prediction.interval_quality == "floored":
            remarks.append("range floored")
        target = "-" if isinstance(prediction.target, UnsetType) else prediction.target[len("2026-") :]
        return (
            f"{(prediction.as_of or '-')[:10]:<10}  {target:<5}  {prediction.pair:<7}  {prediction.baseline:>8.6g}  "
            f"{prediction.prediction:>8.6g}  {f'{lower:.6g} to {upper:.6g}':<20}  {'; '.join(remarks)}"
        ).rstrip()


class DeadLetterLines(_Lines):
    """Lines of the dead-letter topic."""

    HEADER = f"{'came from':<24}  {'code':<17}  {'key':<12}  message"

    def write(self, record: Record) -> bool:
        """Write the record's line; returns False if the record is not shown."""
        from ratecast.contract.dead_letter_json import dead_letter_as_json

        if self.pair is not None and record.key != self.pair.encode():
            return False
        letter = dead_letter_as_json(record)
        if self.as_json:
            console.print_json(letter)
            return True
        source = letter["source"]
        place = f"{source['topic']}-{source['partition']}@{source['offset']}"
        key = printable(record.key)
        self.line(f"{place:<24}  {letter['code'] or '-':<17}  {key:<12}  {letter['message'] or '-'}", "red")
        return True


def fitted(line: str) -> str:
    """Returns the line, cut to the width of the terminal if there is one."""
    width = console.out.width
    return line if not console.out.is_terminal or len(line) <= width else line[: width - 1] + "…"


def printable(value: bytes | None, width: int = 12) -> str:
    r"""Returns bytes as one short line of printable characters.

    >>> printable(b"EUR/GBP"), printable(b"\xff\n"), printable(None)
    ('EUR/GBP', '\\xff\\n', '-')
    """
    if value is None:
        return "-"
    text = repr(value)[2:-1]
    return text if len(text) <= width else text[: width - 1] + "…"
