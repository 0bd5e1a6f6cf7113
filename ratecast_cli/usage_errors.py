"""Errors of the command line's parser, which would otherwise show the texts of typer and pydantic."""

from __future__ import annotations

from typing import Any

import typer
from pydantic import ValidationError

_RULES = {
    "int_parsing": "{!r} is not a whole number",
    "int_from_float": "{!r} is not a whole number",
    "float_parsing": "{!r} is not a number",
    "greater_than_equal": "{} is too small: the smallest value is {ge:g}",
    "less_than_equal": "{} is too large: the largest value is {le:g}",
}


def plain_message(error: typer.TyperException) -> str:
    """Returns one line that names the option, the value and what it must be."""
    cause = error.__cause__
    if not isinstance(error, typer.BadParameter) or not isinstance(cause, ValidationError):
        message = error.format_message().rstrip(".")
        return message[:1].lower() + message[1:]
    first: Any = cause.errors(include_url=False)[0]
    name = error.param.get_error_hint().strip("'") if error.param is not None else "value"
    rule = _RULES.get(first["type"])
    if rule is not None:
        return f"{name}: {rule.format(first['input'], **first.get('ctx', {}))}"
    return f"{name}: {first['msg'].removeprefix('Value error, ').rstrip('.')}"
