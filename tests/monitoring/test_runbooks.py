"""Every alert has a runbook in one form, with links and log searches that find something."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.monitoring.test_rules import NAMES, RUNBOOKS

ROOT = Path(__file__).parents[2]
PROGRAMS = [
    *(ROOT / "consumer").rglob("*.py"),
    *(ROOT / "ratecast").rglob("*.py"),
    *(ROOT / "monitoring").rglob("*.py"),
    ROOT / "ratecast_cli/logs.py",
]
SEARCHES = [
    pytest.param(pattern, id=f"{path.stem}-{pattern}")
    for path in sorted(RUNBOOKS.glob("*.md"))
    for pattern in re.findall(r'logs worker \| grep (?!-v)(?:-A \d+ |-i )?"?([^"`]+)"?`', path.read_text())
]


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} - {"README", "dashboards"} == NAMES
    index = (RUNBOOKS / "README.md").read_text()
    assert set(re.findall(r"\[(\w+)\]\(\1\.md\)", index)) == NAMES


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("Ratecast*.md")), ids=lambda path: path.stem)
def test_a_runbook_has_a_filled_section_for_each_question(path: Path) -> None:
    assert path.read_text().startswith(f"# {path.stem}\n")
    sections = re.findall(r"^## (.+)\n(.+)$", path.read_text(), re.MULTILINE)
    assert [heading for heading, _ in sections] == [
        "What it means",
        "Why it matters",
        "What to check",
        "What to do",
    ]


@pytest.mark.parametrize("path", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_runbook_links_to_pages_and_headings_that_exist(path: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", path.read_text()):
        page = path.parent / target if target else path
        assert page.is_file(), target
        headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        assert not anchor or anchor in {
            re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings
        }


def test_log_searches_are_found_in_the_runbooks() -> None:
    assert len(SEARCHES) > 5


@pytest.mark.parametrize("pattern", SEARCHES)
def test_a_log_search_of_a_runbook_finds_what_the_programs_log(pattern: str) -> None:
    assert [path for path in PROGRAMS if re.search(pattern, path.read_text())], pattern
