"""The page of commands, from the command line itself."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import typer.main

from ratecast_cli.app import app, register
from tools.reference.markdown import code, sentences, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD = """# Commands

`ratecast COMMAND --help` shows the same. Results go to standard output and everything else to standard error. With `--json` a
command prints JSON for programs instead of tables for people. [Exit codes](codes.md#exit-codes) are 0, 1, 2 and 130.
[Settings](settings.md) are environment variables; an option overrides its variable."""


def commands_page() -> str:
    """Return every command with its help and its options."""
    commands = [(f"ratecast {name}", command) for name, command in _commands()]
    index = table(
        ("command", "what it does"),
        [(f"[`{name}`](#{_anchor(name)})", _short(command)) for name, command in commands],
    )
    parts = [_HEAD, index, *(_section(name, command) for name, command in commands)]
    return "\n\n".join(parts) + "\n"


def _commands() -> Iterator[tuple[str, Any]]:
    """Yield each command with its name; a group's commands come under the group's name."""
    if not app.registered_commands:
        register()
    group: Any = typer.main.get_command(app)
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        if inner is None:
            yield name, command
        else:
            yield from (
                (f"{name} {inner_name}", inner_command)
                for inner_name, inner_command in inner.items()
                if not inner_command.hidden
            )


def _anchor(heading: str) -> str:
    return heading.replace(" ", "-")


def _short(command: Any) -> str:
    text = command.short_help or _plain(command.help)
    return sentences(re.split(r"(?<=[.:]) ", text, maxsplit=1)[0].rstrip(":"))


def _section(name: str, command: Any) -> str:
    rows = [(_names(option), _meaning(option)) for option in command.params]
    parts = [f"## {name}", _paragraphs(_plain(command.help)), table(("option", "meaning"), rows)]
    if command.epilog:
        parts.append(_epilog(_plain(command.epilog)))
    return "\n\n".join(parts)


def _plain(text: str | None) -> str:
    """Return a help text without rich's markup."""
    return re.sub(r"\\\[", "[", text or "").strip()


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _epilog(text: str) -> str:
    """Return examples and lists below the options as a block in which each line stays as it is."""
    return f"```text\n{text}\n```"


def _names(option: Any) -> str:
    names = [*option.opts, *option.secondary_opts]
    if not any(name.startswith("-") for name in names):
        return code((option.metavar or option.name).upper())
    value = "" if option.is_flag else f" {option.metavar or _kind(option)}"
    return ", ".join(
        code(f"{name}{value}") for name in sorted(names, key=lambda name: not name.startswith("--"))
    )


def _kind(option: Any) -> str:
    annotation = option.type_descriptor.annotation
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return "|".join(annotation)
    return {int: "N", float: "NUMBER"}.get(annotation, "TEXT")


def _meaning(option: Any) -> str:
    text = _plain(option.help)
    if option.default is None or option.default is False or "[default" in text:
        return text
    return f"{text} [default: {option.default}]"
