"""Hooks of MkDocs: links out of ``docs/`` lead to the repository, and the menu lists whole folders.

A link to a file that does not exist stops the build.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def on_config(config: MutableMapping[str, Any]) -> None:
    """Called by MkDocs at its start: a folder's name in the menu, ending in a slash, becomes the pages of that folder."""
    config["nav"] = [expanded(entry) for entry in config["nav"]]


def expanded(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry of the menu with the pages of a folder in place of its name, the folder's first page first.

    >>> expanded({"Start": "index.md"})
    {'Start': 'index.md'}
    >>> expanded({"Decisions": "decisions/"})["Decisions"][:2]
    ['decisions/index.md', 'decisions/0001-one-pipeline-a-partition.md']
    """
    ((title, target),) = entry.items()
    if not isinstance(target, str) or not target.endswith("/"):
        return entry
    names = sorted((path.name for path in (ROOT / "docs" / target).glob("*.md")), key=_first_pages_first)
    return {title: [f"{target}{name}" for name in names]}


def _first_pages_first(name: str) -> tuple[bool, str]:
    return name not in {"README.md", "index.md"}, name


def on_page_markdown(markdown: str, *, page: Any, config: MutableMapping[str, Any], files: object) -> str:
    """Called by MkDocs for every page; returns its text with links that the site can follow.

    Raises:
        FileNotFoundError: a link names a file that the repository does not have.
    """
    del files
    return rewritten(markdown, page.file.src_uri, config["repo_url"])


def rewritten(markdown: str, source: str, repository: str) -> str:
    """Return the text of the page ``source`` (below ``docs/``) with its links out of ``docs/`` made absolute.

    >>> rewritten("[a](../../README.md#use) [b](other.md)", "how-to/page.md", "https://example.org/x")
    '[a](https://example.org/x/blob/main/README.md#use) [b](other.md)'
    """

    def replace(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(source), link["target"]))
        if path.startswith("docs/"):
            return link[0]
        if not (ROOT / path).exists():
            raise FileNotFoundError(f"docs/{source} links to {path}, which does not exist")
        kind = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{repository}/{kind}/main/{path}{link['anchor'] or ''}"

    return _LINK.sub(replace, markdown)
