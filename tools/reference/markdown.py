"""Small pieces of Markdown that all pages use."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

GENERATED = "<!-- Generated from the code by `make reference`. Do not edit. -->"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return a Markdown table. A vertical bar or a line break in a cell does not end the cell.

    >>> print(table(("name", "meaning"), [("`a|b`", "one\ntwo")]))
    | name | meaning |
    |---|---|
    | `a\|b` | one two |
    """
    lines = [_line(header), "|" + "---|" * len(header)]
    return "\n".join([*lines, *(_line(row) for row in rows)])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(cell.split()).replace("|", r"\|") for cell in cells) + " |"


def code(text: object) -> str:
    """Return the text as inline code; nothing for None and for an empty text."""
    return "" if text is None or text == "" else f"`{text}`"


def sentences(*parts: str | None) -> str:
    """Join texts to sentences: each ends with a full stop, and missing ones are left out.

    >>> sentences("Records read", None, "Labels are closed sets.")
    'Records read. Labels are closed sets.'
    """
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)
