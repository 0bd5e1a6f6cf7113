"""A runbook for every alert, in one form, with links that lead somewhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.monitoring.test_rules import NAMES, RUNBOOKS

if TYPE_CHECKING:
    from pathlib import Path


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"} == NAMES
    index = (RUNBOOKS / "README.md").read_text()
    assert set(re.findall(r"\[(\w+)\]\(\1\.md\)", index)) == NAMES


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("Ratecast*.md")), ids=lambda path: path.stem)
def test_a_runbook_says_what_it_means_where_to_look_and_what_to_do(path: Path) -> None:
    assert path.read_text().startswith(f"# {path.stem}\n")
    sections = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
    assert sections == ["What it means", "Where to look", "What to do"]


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_links_to_pages_that_exist(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
        assert (path.parent / target).is_file(), target
