"""``ratecast``: the table of contents of every program."""

from __future__ import annotations

import sys

import click
import typer

from ratecast.cli import console
from ratecast.errors import RatecastError, UsageError

app = typer.Typer(
    name="ratecast",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Exchange-rate forecasts over Kafka: every message scored exactly once, every forecast with an "
    "honest range.",
    epilog="Settings are environment variables RATECAST_*; options override them. Try: ratecast demo",
)


def register() -> None:
    """Attach every command group's commands, in the order in which a newcomer meets them."""
    from ratecast.cli import broker, demo, predict, replay, tail, topics, training, worker

    for group in (demo, training, broker, topics, worker, replay, predict, tail):
        group.register(app)


def main() -> None:
    """Run the command line: exit code 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    register()
    try:
        app(prog_name="ratecast", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        sys.exit(2)
    except click.UsageError as error:
        console.fail(error.format_message())
        sys.exit(2)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except UsageError as error:
        console.fail(str(error))
        sys.exit(2)
    except RatecastError as error:
        console.fail(str(error))
        sys.exit(1)
