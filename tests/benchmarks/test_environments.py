from __future__ import annotations

import re
import subprocess
import sys

import pytest

from benchmarks import environments
from benchmarks.programs import PEERS


@pytest.mark.parametrize("name", environments.NAMES)
def test_every_package_of_an_environment_has_one_version(name) -> None:
    lines = (environments.HERE / name / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+]*", line), line


def test_every_peer_has_an_environment_and_a_program() -> None:
    assert set(PEERS.values()) == set(environments.NAMES) - {"profiler"}
    for folder in PEERS.values():
        assert (environments.HERE / folder / "serve.py").is_file()


def test_an_environment_is_made_once_and_again_when_its_pins_change(tmp_path, monkeypatch) -> None:
    pins = tmp_path / "here" / "peer" / "requirements.txt"
    pins.parent.mkdir(parents=True)
    pins.write_text("a==1\n")
    monkeypatch.setattr(environments, "HERE", tmp_path / "here")
    monkeypatch.setattr(environments, "HOME", tmp_path / "home")
    ran: list[list[str]] = []

    def run(command, **_):
        ran.append(command)
        (tmp_path / "home" / "peer").mkdir(parents=True, exist_ok=True)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    first = environments.python_of("peer")
    assert [command[1:3] for command in ran] == [["-m", "venv"], ["-m", "pip"]]
    assert ran[0][0] == sys.executable
    assert ran[1][0] == str(first)
    assert environments.python_of("peer") == first
    assert len(ran) == 2
    pins.write_text("a==2\n")
    environments.python_of("peer")
    assert len(ran) == 4


def test_a_peer_that_cannot_be_installed_ends_the_benchmark_with_pips_reason(tmp_path, monkeypatch) -> None:
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / "requirements.txt").write_text("a==1\n")
    monkeypatch.setattr(environments, "HERE", tmp_path)
    monkeypatch.setattr(environments, "HOME", tmp_path / "home")
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, int("pip" in command), "", "no a"),
    )
    with pytest.raises(SystemExit, match="peer cannot be installed here:\nno a"):
        environments.python_of("peer")
