"""The page about security has the rights that the tests try."""

from __future__ import annotations

from pathlib import Path

from tools.rights_page import with_table

PAGE = Path(__file__).parents[1] / "docs" / "security.md"


def test_the_table_of_rights_is_what_the_code_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_table(text), "out of date: run `python -m tools.rights_page docs/security.md`"
