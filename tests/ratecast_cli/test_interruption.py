"""Ctrl-C: one line that says what was left, and exit code 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ratecast_cli import console
from ratecast_cli.interruption import interruptible
from tests.bundles import write_bundle


def test_an_interruption_is_one_line_and_exit_code_130(capsys) -> None:
    with pytest.raises(SystemExit) as ended, interruptible("nothing was changed"):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert capsys.readouterr().err == "interrupted: nothing was changed\n"


UNREACHABLE = ("-b", "127.0.0.1:1")


@pytest.mark.parametrize(
    ("arguments", "started", "line"),
    [
        (("train",), "[0/", "interrupted: no model was saved, and the current model is unchanged"),
        (
            ("retrain", *UNREACHABLE),
            "no broker",
            "interrupted: no model was saved, and the current model is unchanged",
        ),
        (("verify", *UNREACHABLE), "no broker", "interrupted: nothing was changed, and there is no result"),
        (
            ("predict", "1", "2", "3", *UNREACHABLE),
            "no broker",
            "interrupted: a message that was already published is still scored",
        ),
    ],
)
def test_ctrl_c_is_reported_by_the_command(tmp_path, arguments, started: str, line: str) -> None:
    write_bundle(tmp_path / "models")
    before = sorted(tmp_path.rglob("*"))
    process = subprocess.Popen(
        [sys.executable, "-m", "ratecast", *arguments],
        env={**os.environ, "RATECAST_MODELS_DIR": str(tmp_path / "models")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while started not in (first := process.stderr.readline()):
        assert first, "it ended before it began"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    # Python ends itself with SIGINT if the signal hit an import; a shell reports 130 for either.
    assert process.returncode in {130, -signal.SIGINT}
    assert out == ""
    assert err.splitlines()[-1] == line
    assert "Traceback" not in err
    assert sorted(tmp_path.rglob("*")) == before, "nothing was left behind"


@pytest.mark.parametrize(("variable", "coloured"), [("NO_COLOR", False), ("FORCE_COLOR", True)])
def test_errors_are_red_unless_no_color_is_set(variable: str, coloured: bool) -> None:
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color", variable: "1"}
    shown = subprocess.run(
        [sys.executable, "-m", "ratecast", "foo"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ("31m" in shown.stderr) is coloured


def test_progress_bars_have_no_colours() -> None:
    for name in (
        "bar.complete",
        "bar.finished",
        "progress.elapsed",
        "progress.download",
        "progress.remaining",
    ):
        assert console.err.get_style(name).color is None
