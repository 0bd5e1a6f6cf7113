"""The command line as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ratecast import __version__
from tests.ratecast_cli.test_help import COMMANDS


def ratecast(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ratecast", *arguments],
        check=False,
        text=True,
        timeout=60,
        stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, **options},
    )


def test_version_is_printed() -> None:
    done = ratecast("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ratecast {__version__}\n", "")


@pytest.mark.parametrize("arguments", [("-h",), ("topics", "-h")])
def test_short_help_is_help(arguments) -> None:
    assert ratecast(*arguments).stdout == ratecast(*[*arguments[:-1], "--help"]).stdout


NEEDED = {
    "forecast": ("EUR/USD",),
    "predict": ("0.85", "0.86", "0.87"),
    "dead-letters redeliver": ("--all",),
    "dead-letters replay": ("--all",),
    "export": ("predictions",),
    "models sign": ("--key", "key.pem"),
    "models keygen": ("key.pem",),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_rejects_a_misspelt_setting_in_one_line(name, tmp_path) -> None:
    environment = {**os.environ, "RATECAST_GRUP_ID": "x", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = ratecast(*name.split(), *NEEDED.get(name, ()), env=environment, cwd=tmp_path)
    expected = "error: RATECAST_GRUP_ID is not a setting: did you mean RATECAST_GROUP_ID?\n"
    assert (done.returncode, done.stderr, done.stdout) == (2, expected, "")
    assert list(tmp_path.iterdir()) == []


FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="no device that is always full")
def test_a_full_disk_is_one_line() -> None:
    with FULL.open("w") as full:
        done = ratecast("topics", "--help", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
