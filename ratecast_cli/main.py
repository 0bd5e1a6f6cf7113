"""``ratecast``: the table of contents of every program."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ratecast import __version__
from ratecast.errors import RatecastError, UsageError
from ratecast_cli import console

app = typer.Typer(
    name="ratecast",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Exchange-rate forecasts over Kafka: every message scored exactly once, every forecast with an "
    "honest range.",
    epilog="Settings are environment variables RATECAST_*; options override them. Try: ratecast demo",
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"ratecast {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=lambda value: _show_version(wanted=value),
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """What stands before any command."""


def register() -> None:
    """Attach every command group's commands, in the order in which a newcomer meets them."""
    from ratecast_cli import (
        broker_command,
        dead_letters_command,
        demo_command,
        drift_report_command,
        predict_command,
        replay_command,
        retrain_command,
        tail_command,
        topics_command,
        train_command,
        verify_command,
        worker_command,
    )

    groups = (
        demo_command,
        train_command,
        retrain_command,
        broker_command,
        topics_command,
        worker_command,
        replay_command,
        predict_command,
        tail_command,
        verify_command,
        drift_report_command,
        dead_letters_command,
    )
    for group in groups:
        group.register(app)


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    try:
        register()
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
    except KeyboardInterrupt:  # before a command has taken over
        sys.exit(130)
    except OSError as error:  # a full disk, a directory that is none: the system's own words say it best
        console.fail(str(error))
        sys.exit(1)
    sys.exit(code)
