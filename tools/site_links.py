"""A hook of MkDocs: links to files outside ``docs/`` lead to the repository, and a missing file stops the build."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

ROOT = Path(__file__).parents[1]
_LINK = re.compile(r"(?<=\]\()(?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?(?=\))")


def on_page_markdown(
    markdown: str, *, page: Any, config: MutableMapping[str, Any], files: object
) -> str:
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
