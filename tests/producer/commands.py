"""Runs one command in this process and returns its exit code, its output and its error."""

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
    """Run a command of ``ratecast_cli`` without changing the suite's logging."""
    app = App()
    app.callback()(lambda: None)  # without a callback, a single command would lose its name
    group.register(app)
    name = group.__name__.rpartition(".")[2].removesuffix("_command").replace("_", "-")
    with patch("ratecast_cli.logs.configure_logging"), patch("ratecast_cli.logs.quiet_client"):
        return CliRunner().invoke(app, [name, *arguments])


def variables(settings: Settings) -> dict[str, str]:
    """Returns the settings that a command needs, as environment variables."""
    return {f"RATECAST_{name.upper()}": str(getattr(settings, name)) for name in TOPICS_AND_BROKERS}
