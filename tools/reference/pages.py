"""Which pages the reference has, and what each is generated from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.reference.bundle_page import bundle_page
from tools.reference.codes_page import codes_page
from tools.reference.commands_page import commands_page
from tools.reference.markdown import GENERATED
from tools.reference.messages_page import messages_page
from tools.reference.metrics_page import metrics_page
from tools.reference.rules_page import rules_page
from tools.reference.settings_page import settings_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "messages.md": messages_page,
    "codes.md": codes_page,
    "metrics.md": metrics_page,
    "alerts.md": rules_page,
    "bundle.md": bundle_page,
}


def pages() -> dict[str, str]:
    """Return the file name and the content of every generated page."""
    return {name: f"{GENERATED}\n\n{page()}" for name, page in PAGES.items()}


def write(directory: Path) -> None:
    """Write every generated page into a directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in pages().items():
        (directory / name).write_text(content, encoding="utf-8")
