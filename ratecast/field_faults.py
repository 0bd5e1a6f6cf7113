"""Plain sentences for what pydantic finds wrong in a value: what is wrong, which value, and what would be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_MAX_SHOWN = 40  # characters of a wrong value; it may be a megabyte
# pydantic's name of the fault -> what the value must be. Every fault not listed here is "not valid".
_REQUIREMENTS = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object",
    "enum": "{expected}",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "greater than {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than_equal": "at most {le}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "an object",
    "string_type": "a string",
    "string_unicode": "a string",
    "tuple_type": "a list",
}
_LENGTHS = {
    "string_too_long": "at most {max_length} characters",
    "string_too_short": "at least {min_length} characters",
    "too_long": "at most {max_length} {items}",
    "too_short": "at least {min_length} {items}",
}
_ITEMS: dict[int | str, str] = {"history": "rates"}
_PATTERNS: dict[int | str, str] = {"pair": "two currency codes like EUR/USD"}


def describe(error: ValidationError) -> str:
    """Return one sentence on the first fault, such as ``history[2] must be greater than 0, got -1``."""
    fault = first_fault(error)
    path = field_path(fault["loc"])
    text = predicate(fault)
    if not path:
        return text
    return f"{path} {text}" if text.startswith(("must ", "is ")) else f"{path}: {text}"


def first_fault(error: ValidationError) -> ErrorDetails:
    """Return the first fault that pydantic found, as it describes it."""
    return error.errors(include_url=False)[0]


def field_path(location: tuple[int | str, ...]) -> str:
    """Return where a fault is, as one would write it in code.

    >>> field_path(("times", 2)), field_path(("pairs", "EUR/GBP", "sigma"))
    ('times[2]', 'pairs.EUR/GBP.sigma')
    """
    named = (part for part in location if part != "[key]")  # pydantic adds this part when a key is wrong
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return path.removeprefix(".")


def predicate(fault: ErrorDetails) -> str:
    """Return what is wrong with a value, without its name: ``must be a list, got 'x'``.

    A fault that a validator of this project raised keeps the validator's text.
    """
    kind, value = fault["type"], fault["input"]
    limits = {key: _whole(limit) for key, limit in fault.get("ctx", {}).items()}
    if kind == "value_error":
        return str(limits["error"])
    if kind == "missing":
        return "is missing"
    if kind == "json_invalid":
        return f"is not valid JSON: {limits['error']}"
    if kind in _LENGTHS:
        return _wrong_length(fault, limits)
    if kind == "float_type" and type(value) is int:
        return "must fit a 64-bit floating-point number"  # the only integers that pydantic does not accept
    expected = f"must be {_REQUIREMENTS[kind].format(**limits)}" if kind in _REQUIREMENTS else "is not valid"
    if kind == "string_pattern_mismatch":
        form = f"text of the form {limits['pattern']}"
        expected = f"must be {_PATTERNS.get(fault['loc'][-1], form)}"
    return f"{expected}, got {shown(value)}"


def _wrong_length(fault: ErrorDetails, limits: Mapping[str, object]) -> str:
    if limits.get("min_length") == 1:
        return "must not be empty"
    items = _ITEMS.get(fault["loc"][-1], "items")
    return f"must have {_LENGTHS[fault['type']].format(items=items, **limits)}, got {len(fault['input'])}"


def shown(value: object) -> str:
    """Return a short form of a value that anybody may have sent.

    >>> shown("x" * 41), shown([1]), shown({}), shown(None), shown(True), shown(2.5)
    ("'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'...", 'a list', 'an object', 'null', 'true', '2.5')
    """
    if isinstance(value, str):
        return repr(value) if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]!r}..."
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int) and abs(value) >= 2**63:
        return "an integer of more than 64 bits"  # Python does not print integers of over 4,300 digits
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list | tuple):
        return "a list"
    return "an object" if isinstance(value, dict) else repr(value)


def _whole(limit: object) -> object:
    """Return 0.0 as 0, and everything but a float without a fraction as it is."""
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit
