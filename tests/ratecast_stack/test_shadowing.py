"""A user's modules with the names of our packages."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ratecast_stack import shadowing


@pytest.fixture
def strangers(tmp_path):
    """A folder with a user's `training.py`, `consumer/` and `monitoring.py`."""
    for name in ("training.py", "monitoring.py"):
        (tmp_path / name).write_text("raise SystemExit('a module of the user was imported')\n")
    (tmp_path / "consumer").mkdir()
    (tmp_path / "consumer" / "__init__.py").write_text(
        "raise SystemExit('a package of the user was imported')\n"
    )
    return tmp_path


def python(*arguments, cwd, path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["ratecast", "ratecast_cli", "producer.replay", "ratecast_stack.native"])
def test_a_start_in_a_folder_with_a_module_of_our_name_is_one_line(strangers, module):
    done = python("-m", module, cwd=strangers, path=[shadowing.ROOT])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {strangers / 'consumer'} hides ratecast's package `consumer`: rename it, or run ratecast from "
        f"another folder than {strangers}\n"
    )


def test_a_module_of_our_name_on_pythonpath_is_one_line(strangers, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (strangers / "consumer" / "__init__.py").unlink()  # a folder alone hides nothing
    start = "from ratecast_cli.main import main; main()"  # as the installed command starts
    done = python("-P", "-c", start, cwd=elsewhere, path=[strangers, shadowing.ROOT])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: {strangers / 'training.py'} hides ratecast's package `training`: rename it, or take {strangers} off "
        "PYTHONPATH\n"
    )


@pytest.mark.parametrize("command", [("worker", "--help"), ("predict", "1", "2")])
def test_children_import_our_packages_in_spite_of_both(strangers, monkeypatch, command):
    monkeypatch.setenv("PYTHONPATH", str(strangers))
    done = subprocess.run(
        shadowing.ratecast_command(*command),
        cwd=strangers,
        env=shadowing.child_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "hides" not in done.stderr
    assert "of the user" not in done.stderr
    assert (
        ("Usage: ratecast worker" in done.stdout) if command[0] == "worker" else "3 to 1,024" in done.stderr
    )


def test_our_packages_do_not_hide_each_other():
    assert shadowing.shadowing_module() is None
