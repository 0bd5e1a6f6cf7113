"""Help that teaches: nothing a writer put into it may be swallowed as markup."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ratecast.cli.main import app, register

if not app.registered_commands:  # once a process
    register()

COMMANDS = {
    f"{name} {sub}".strip(): command
    for name, group in get_command(app).commands.items()
    for sub, command in (getattr(group, "commands", None) or {"": group}).items()
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_word_of_a_commands_help_is_shown(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    words = set(re.findall(r"\S+", shown))
    for option in COMMANDS[name].params:
        written = (getattr(option, "help", None) or "").replace("\\[", "[")
        assert set(written.split()) <= words, f"{name}: {set(written.split()) - words}"
