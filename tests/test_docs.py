"""The documentation agrees with the code and with itself."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from ratecast.settings import ENV_PREFIX, Settings
from ratecast_cli import app as cli
from tools import site_hooks
from tools.reference.pages import pages

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
README_LINES = 150


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", re.sub(r"\]\([^)]*\)", "", heading)) for heading in headings)
    return {re.sub(r"\s", "-", heading.strip().lower()) for heading in plain}


@pytest.mark.parametrize(("name", "content"), pages().items(), ids=lambda value: value[:20])
def test_the_reference_is_what_the_code_says(name: str, content: str) -> None:
    assert text_of(DOCS / "reference" / name) == content, "out of date: run `make reference`"


def test_the_reference_holds_no_other_page() -> None:
    assert {page.name for page in (DOCS / "reference").iterdir()} == {*pages(), "index.md", "licences.md"}


def test_the_readme_fits_on_a_few_screens() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= README_LINES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(FENCE.sub("", text_of(page))):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        assert path.exists(), f"{link} does not exist"
        if anchor:
            assert anchor in anchors(path), f"{link}: there is no such heading"


def menu(entries: list[Any]) -> set[str]:
    found: set[str] = set()
    for entry in entries:
        expanded = site_hooks.expanded(entry) if isinstance(entry, dict) else entry
        targets = expanded.values() if isinstance(expanded, dict) else [expanded]
        for target in targets:
            found |= menu(target) if isinstance(target, list) else {target}
    return found


def test_every_page_is_in_the_menu() -> None:
    nav = yaml.safe_load(text_of(ROOT / "mkdocs.yml"))["nav"]
    assert menu(nav) == {str(page.relative_to(DOCS)) for page in DOCS.glob("**/*.md")}


def commands_in(text: str) -> list[str]:
    blocks = "".join(FENCE.findall(text))
    return [
        *re.findall(r"^(?:\$ )?ratecast ([a-z][a-z-]*)", blocks, re.MULTILINE),
        *re.findall(r"`ratecast ([a-z][a-z-]*)", FENCE.sub("", text)),
    ]


def test_every_command_that_a_page_shows_exists() -> None:
    if not cli.app.registered_commands:
        cli.register()
    commands: Any = typer.main.get_command(cli.app)
    shown = set(chain.from_iterable(commands_in(text_of(page)) for page in PAGES))
    assert len(shown) >= len(commands.commands)
    assert shown <= set(commands.commands)


def test_every_setting_that_a_page_names_exists() -> None:
    settings = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    # A name that goes on with * or _ stands for several settings.
    name = re.compile(rf"\b{ENV_PREFIX}[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_*])")
    shown = set(chain.from_iterable(name.findall(text_of(page)) for page in PAGES))
    assert shown >= {"RATECAST_GROUP_ID", "RATECAST_GIVE_UP_SECONDS"}
    assert shown - settings == {"RATECAST_TEST_BOOTSTRAP_SERVERS"}  # for the tests only


def test_every_make_target_that_a_page_shows_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    shown = set(chain.from_iterable(re.findall(r"`make ([a-z-]+)`", text_of(page)) for page in PAGES))
    assert len(shown) > 10
    assert shown <= targets


def test_the_readme_counts_the_alerts_right() -> None:
    (count,) = re.findall(r"(\d+) alerts with a runbook each", text_of(ROOT / "README.md"))
    assert int(count) == len(list((DOCS / "runbooks").glob("Ratecast*.md")))


def test_links_out_of_the_site_lead_to_the_repository() -> None:
    page = "see [how](../../CONTRIBUTING.md#style) and [here](../drift.md)"
    repository = "https://example.org/ratecast"
    expected = f"see [how]({repository}/blob/main/CONTRIBUTING.md#style) and [here](../drift.md)"
    assert site_hooks.rewritten(page, "how-to/page.md", repository) == expected
    with pytest.raises(FileNotFoundError, match=r"NONE\.md"):
        site_hooks.rewritten("[no](../../NONE.md)", "how-to/page.md", repository)
