"""What `make` tells a new user."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_install_ends_with_what_to_do_next() -> None:
    root = Path(__file__).parents[1]
    # -o: the environment counts as installed.
    done = subprocess.run(
        ["make", "--no-print-directory", "-o", ".venv/.all", "install"],
        cwd=root,
        env={"PATH": os.environ["PATH"]},  # the suite may run under make itself
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ("ratecast is installed in .venv. Next: . .venv/bin/activate, then ratecast demo\n")
