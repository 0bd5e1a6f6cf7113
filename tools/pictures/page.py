"""A web page as a PNG picture, taken by Chromium without a window."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def find_chromium() -> str | None:
    """Return Chromium's program, which the variable CHROMIUM may name; None if it is not installed."""
    return os.environ.get("CHROMIUM") or next(filter(shutil.which, _PROGRAMS), None)


def photograph(page: Path, picture: Path, *, width: int, height: int) -> None:
    """Take a picture of a page's upper part, in pixels.

    Raises:
        FileNotFoundError: Chromium is not installed; the variable CHROMIUM may name another program.
        CalledProcessError: Chromium failed.
    """
    program = find_chromium()
    if program is None:
        raise FileNotFoundError("chromium is not installed: the picture of the report needs it")
    options = ("--headless", "--no-sandbox", "--hide-scrollbars", f"--window-size={width},{height}")
    command = [program, *options, f"--screenshot={picture.resolve()}", page.resolve().as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
