"""The help pages: complete, within 80 columns, with defaults, without colours."""

from __future__ import annotations

import re

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from ratecast.rates.tables import DEFAULT_PAIR
from ratecast.settings import Settings
from ratecast_cli.app import app, register
from ratecast_cli.help_pages import SETTINGS

if not app.registered_commands:  # once a process
    register()

COMMANDS = {
    f"{name} {sub}".strip(): command
    for name, group in get_command(app).commands.items()
    for sub, command in (getattr(group, "commands", None) or {"": group}).items()
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_word_of_a_help_text_is_lost_as_markup(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).output
    words = set(re.findall(r"\S+", shown))
    for option in COMMANDS[name].params:
        written = (getattr(option, "help", None) or "").replace("\\[", "[")
        assert set(written.split()) <= words, f"{name}: {set(written.split()) - words}"


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_nothing_is_cut_off_at_80_columns(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80", "TERM": "dumb"}).output
    assert "Usage: " in shown
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize(
    "name",
    [
        "demo",
        "train",
        "forecast",
        "broker",
        "topics",
        "worker",
        "predict",
        "tail",
        "verify",
        "replay",
        "retrain",
        "backtest",
        "drift-report",
    ],
)
def test_the_list_of_commands_has_one_line_for_each(name: str) -> None:
    listed = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "80", "TERM": "dumb"}).output
    (line,) = [line for line in listed.splitlines() if line.split()[:2] == ["│", name]]
    assert COMMANDS[name].short_help in line
    assert len(COMMANDS[name].short_help) < len(COMMANDS[name].help)


def test_the_help_of_train_names_the_default_pair_as_it_is() -> None:
    (option,) = [option for option in COMMANDS["train"].params if option.name == "default_pair"]
    assert f"[default: {DEFAULT_PAIR}," in option.help


def shown(name: str, columns: int = 120, **variables: str) -> str:
    environment = {"COLUMNS": str(columns), "TERM": "dumb", **variables}
    return CliRunner().invoke(app, [*name.split(), "--help"], env=environment, color=True).output


@pytest.mark.parametrize("name", ["", *COMMANDS])
def test_a_flag_has_no_type(name: str) -> None:
    assert "bool" not in shown(name)
    assert "list[" not in shown(name)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_setting_shows_its_variable_and_its_default(name: str) -> None:
    text = " ".join(shown(name, 200).replace("│", " ").split())
    for option in COMMANDS[name].params:
        if getattr(option, "rich_help_panel", None) == SETTINGS:
            default = Settings.model_fields[option.name].default
            variable = f"[env: RATECAST_{option.name.upper()}]"
            assert (variable if default is None else f"{variable} [default: {default}]") in text
            assert "[default: None]" not in text


def test_help_that_is_shown_twice_shows_a_default_once() -> None:
    assert shown("worker", 200) == shown("worker", 200)
    assert shown("worker", 200).count("[default: 8000]") == 1


@pytest.mark.parametrize("name", ["", "worker", "predict"])
def test_help_has_no_colours(name: str) -> None:
    styles = set(re.findall(r"\x1b\[([0-9;]*)m", shown(name, FORCE_COLOR="1", TERM="xterm-256color")))
    assert {code for style in styles for code in style.split(";")} <= {"", "0", "1", "2"}


def test_the_former_name_of_redeliver_still_works_and_is_not_listed() -> None:
    assert "replay" not in shown("dead-letters")
    former, present = (shown(f"dead-letters {name}").splitlines()[2:] for name in ("replay", "redeliver"))
    assert former == present
