"""The list of all commands, and how an error ends one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ratecast import __version__
from ratecast.errors import RatecastError, UsageError
from ratecast_cli import console
from ratecast_cli.help_pages import App
from ratecast_cli.interruption import INTERRUPTED

app = App(
    name="ratecast",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Forecast exchange rates over Kafka. Every message is scored exactly once, and every forecast has a range "
    "that is tested against past rates.",
    epilog="Start with: ratecast demo\n\n"
    "Settings are environment variables RATECAST_*. An option overrides its variable.",
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
    """Options before any command."""


def register() -> None:
    """Attach all commands, in the order in which a new user needs them."""
    from ratecast_cli import (
        backtest_command,
        broker_command,
        dead_letters_command,
        demo_command,
        drift_report_command,
        export_command,
        feed_command,
        forecast_command,
        models_command,
        predict_command,
        rates_command,
        replay_command,
        retrain_command,
        sink_command,
        tail_command,
        topics_command,
        train_command,
        verify_command,
        web_command,
        worker_command,
    )

    groups = (
        demo_command,
        train_command,
        forecast_command,
        rates_command,
        retrain_command,
        backtest_command,
        models_command,
        broker_command,
        topics_command,
        worker_command,
        replay_command,
        feed_command,
        predict_command,
        tail_command,
        web_command,
        verify_command,
        drift_report_command,
        dead_letters_command,
        sink_command,
        export_command,
    )
    for group in groups:
        group.register(app)


def run() -> None:
    """Run the command line: exit code 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    try:
        register()
        # Help, Ctrl-C and typer.Exit come back as a code; our commands themselves return nothing.
        code = app(sys.argv[1:] or ["--help"], prog_name="ratecast", standalone_mode=False)
    except typer.TyperException as error:
        from ratecast_cli.usage_errors import plain_message

        console.fail(plain_message(error))
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):  # a command that leaves something half done reports it itself
        console.warn("interrupted")
        sys.exit(INTERRUPTED)
    except UsageError as error:
        console.fail(str(error))
        sys.exit(2)
    except RatecastError as error:
        console.fail(str(error))
        sys.exit(1)
    except OSError as error:  # such as a full disk: the system's message is the clearest
        console.fail(str(error))
        _discard_unwritable_output()
        sys.exit(1)
    sys.exit(code)


def _discard_unwritable_output() -> None:
    """Discard what stdout cannot write. Otherwise Python 3.14 fails again at its exit and changes the exit code to 120."""
    try:
        sys.stdout.flush()
    except OSError:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
