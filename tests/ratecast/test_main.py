"""The command line's own doings, as a process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ratecast import __version__


def ratecast(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ratecast", *arguments],
        check=False,
        text=True,
        timeout=60,
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **options},
    )


def test_it_says_its_version() -> None:
    done = ratecast("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ratecast {__version__}\n", "")


@pytest.mark.parametrize("arguments", [("-h",), ("topics", "-h")])
def test_short_help_is_help(arguments) -> None:
    assert ratecast(*arguments).stdout == ratecast(*[*arguments[:-1], "--help"]).stdout


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with FULL.open("w") as full:
        done = ratecast("topics", "--help", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
