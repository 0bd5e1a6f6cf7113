"""Help pages: flags without a type, the default and the variable of each setting, and no colours without a meaning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Callable

# A separate panel: beside wide options the names of the variables would be cut at 80 columns.
SETTINGS = "Settings, each also an environment variable"


class CommandWithHelp(TyperCommand):
    """A command whose help shows the defaults of its settings."""

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]
        """Returns the parameters; a flag takes no value, so its help names no type."""
        return without_types(super().get_params(ctx))

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Complete the texts of settings, then print the help."""
        for option in self.params:
            if getattr(option, "rich_help_panel", None) == SETTINGS and "[env:" not in option.help:  # type: ignore[attr-defined]
                option.help += f" {of_setting(option.name or '')}"  # type: ignore[attr-defined]
        without_colours()
        super().format_help(ctx, formatter)


class GroupWithHelp(TyperGroup):
    """A group of commands."""

    def get_params(self, ctx: typer.Context) -> list[Any]:  # type: ignore[override]
        """Returns the parameters, flags without a type."""
        return without_types(super().get_params(ctx))

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Print the help."""
        without_colours()
        super().format_help(ctx, formatter)


class App(typer.Typer):
    """A command line whose commands have these help pages."""

    def __init__(self, **options: Any) -> None:
        super().__init__(cls=GroupWithHelp, rich_markup_mode="rich", **options)

    def command(self, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
        """Returns the decorator that attaches a command."""
        return super().command(name, cls=CommandWithHelp, **options)


def without_types(params: list[Any]) -> list[Any]:
    """Returns the parameters, without the types ``<bool>`` of flags and ``<list[str]>`` of repeated arguments."""
    for param in params:
        if getattr(param, "is_bool_flag", False):
            param.metavar = ""
        elif isinstance(param, TyperArgument) and param.nargs != 1:
            param.display_type_rich = lambda **_: None  # type: ignore[method-assign]
    return params


def of_setting(name: str) -> str:
    """Returns the environment variable and the default of a setting, as help texts show them."""
    from ratecast.settings import ENV_PREFIX, Settings

    default = Settings.model_fields[name].default
    shown = "" if default is None else rf" \[default: {default}]"
    return rf"\[env: {ENV_PREFIX}{name.upper()}]{shown}"


def without_colours() -> None:
    """Make typer's help bold and dim only: on a terminal of ours a colour means error, warning or fine."""
    from typer import rich_utils

    for name in vars(rich_utils):
        if name.startswith("STYLE_") and isinstance(value := getattr(rich_utils, name), str):
            words = [word for word in value.split() if word in {"bold", "dim"}]
            setattr(rich_utils, name, " ".join(words))
