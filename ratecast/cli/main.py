"""``ratecast``: the table of contents of every program."""

from __future__ import annotations

import sys

import typer

from ratecast.cli import console
from ratecast.errors import RatecastError, UsageError

app = typer.Typer(
    name="ratecast",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Exchange-rate forecasts over Kafka: every message scored exactly once, every forecast with an "
    "honest range.",
    epilog="Settings are environment variables RATECAST_*; options override them. Try: ratecast demo",
)


def register() -> None:
    """Attach every command group's commands, in the order in which a newcomer meets them."""
    from ratecast.cli import (
        broker,
        dead_letters,
        demo,
        drift_report,
        predict,
        replay,
        tail,
        topics,
        training,
        verify,
        worker,
    )

    groups = (
        demo,
        training,
        broker,
        topics,
        worker,
        replay,
        predict,
        tail,
        verify,
        drift_report,
        dead_letters,
    )
    for group in groups:
        group.register(app)


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    register()
    try:
        # Help, Ctrl-C and typer.Exit come back as a code; our commands themselves return nothing.
        code = app(sys.argv[1:] or ["--help"], prog_name="ratecast", standalone_mode=False)
    except typer.TyperException as error:
        console.fail(error.format_message())
        sys.exit(error.exit_code)
    except typer.Abort:
        sys.exit(130)
    except UsageError as error:
        console.fail(str(error))
        sys.exit(2)
    except RatecastError as error:
        console.fail(str(error))
        sys.exit(1)
    sys.exit(code)
