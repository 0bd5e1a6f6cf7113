"""Runs one command in this process: its exit code, its output, and the error that it ends with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from typer.testing import CliRunner

from ratecast_cli.help_pages import App

if TYPE_CHECKING:
    from click.testing import Result

    from ratecast.settings import Settings

TOPICS_AND_BROKERS = ("bootstrap_servers", "input_topic", "output_topic", "dead_letter_topic")


def invoke(group: Any, *arguments: str) -> Result:
    """Run a command of ``ratecast_cli``; the suite's own logging stays as it is."""
    app = App()
    app.callback()(lambda: None)  # with a callback one command keeps its name
    group.register(app)
    name = group.__name__.rpartition(".")[2].removesuffix("_command").replace("_", "-")
    with patch("ratecast_cli.logs.configure_logging"), patch("ratecast_cli.logs.quiet_client"):
        return CliRunner().invoke(app, [name, *arguments])


def variables(settings: Settings) -> dict[str, str]:
    """The settings a command needs, as environment variables."""
    return {f"RATECAST_{name.upper()}": str(getattr(settings, name)) for name in TOPICS_AND_BROKERS}
