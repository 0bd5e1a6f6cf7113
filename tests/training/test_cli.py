"""``ratecast train`` as a user runs it."""

from __future__ import annotations

import importlib.util
import io
import json
import subprocess
import sys

import pytest
from rich.console import Console

from ratecast.model.bundle import MANIFEST, current_version, load
from ratecast.model.signing_key import SigningKey
from ratecast_cli import app as commands
from ratecast_cli import console, main
from ratecast_cli.help_pages import App
from ratecast_cli.train_command import register


@pytest.fixture
def ratecast(monkeypatch):
    """Run the real ``main`` with the training commands only; returns the exit code."""

    def _run(*arguments):
        app = App()
        app.callback()(lambda: None)
        register(app)
        monkeypatch.setattr(commands, "app", app)
        monkeypatch.setattr(commands, "register", lambda: None)
        monkeypatch.setattr(sys, "argv", ["ratecast", *map(str, arguments)])
        try:
            main.main()
        except SystemExit as exit_:
            return exit_.code or 0  # as Python does: None is success
        return 0

    return _run


@pytest.fixture
def csv(invent, write_csv):
    return write_csv(invent(300)[:2])


def test_train_on_a_csv_prints_the_headline_and_leaves_a_bundle(ratecast, csv, tmp_path, capsys):
    assert ratecast("train", "--csv", csv, "--models-dir", tmp_path) == 0
    printed = capsys.readouterr()
    bundle = load(tmp_path)
    assert bundle.stats.headline in printed.out
    assert bundle.version in printed.out
    assert str(tmp_path / bundle.version / "report.html") in printed.out
    assert "EUR/GBP" in printed.out
    assert "exporting and checking the ONNX graph" in printed.err


def test_train_with_json_prints_one_document_and_signs_the_model(ratecast, csv, tmp_path, capsys):
    key = SigningKey.make(tmp_path / "key.pem")
    code = ratecast(
        *("train", "--csv", csv, "--models-dir", tmp_path, "--pair", "EUR/USD", "--seed", "7", "--json"),
        *("--sign-key", tmp_path / "key.pem"),
    )
    assert code == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["version"] == current_version(tmp_path)
    assert list(found["pairs"]) == ["EUR/USD"]
    assert set(found["test"]["coverage"]) == {"80", "95"}
    assert found["shrinkage"]["lambda"] >= 0
    manifest = json.loads((tmp_path / found["version"] / MANIFEST).read_text())
    assert manifest["seed"] == 7
    assert found["signed_with"] == key.id
    assert load(tmp_path, keys=key.trusted).version == found["version"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--csv", "no-such-file.csv"], "error: no-such-file.csv: No such file or directory"),
        (["--until", "yesterday"], "error: --until: 'yesterday' is not a date like 2025-01-31"),
        (["--pair", "EUR/XXX"], "error: eurofxref-hist.zip has no XXX; it has AUD"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(ratecast, tmp_path, capsys, arguments, fault):
    assert ratecast("train", "--models-dir", tmp_path, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(fault)
    assert list(tmp_path.iterdir()) == []


def test_a_malformed_csv_is_one_line_and_exit_code_2(ratecast, tmp_path, capsys):
    path = tmp_path / "bad.csv"
    path.write_text("date,USD\n2024-01-02,oops\n")
    assert ratecast("train", "--csv", path, "--models-dir", tmp_path / "models") == 2
    assert capsys.readouterr().err == f"error: {path}: line 2: 'oops' is not a number\n"


def with_a_slip(path):
    """Divides one rate of the second column by ten."""
    lines = path.read_text().splitlines()
    day, first, second = lines[150].split(",")
    lines[150] = f"{day},{first},{float(second) / 10!r}"
    path.write_text("\n".join(lines) + "\n")
    return day


def test_what_is_left_out_is_printed_with_its_reason(ratecast, csv, tmp_path, capsys):
    day = with_a_slip(csv)
    assert ratecast("train", "--csv", csv, "--models-dir", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index(f"left out  1 rate that looks like a fault in {csv} (--keep-outliers keeps them):")
    assert lines[at + 1].startswith("          1 excursion: wrong by a factor of 2 or more, then right again")
    assert lines[at + 2].startswith(f"          EUR/USD {day}: 0.")


def test_json_names_what_is_left_out_unless_it_is_kept(ratecast, csv, tmp_path, capsys):
    day = with_a_slip(csv)
    assert ratecast("train", "--csv", csv, "--models-dir", tmp_path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(faulty["pair"], faulty["day"], faulty["rule"]) for faulty in found["left_out"]] == [
        ("EUR/USD", day, "excursion")
    ]
    assert (found["carried_forward"], found["not_pooled"]) == (None, {})
    assert len(found["notes"]) == 1
    assert ratecast("train", "--csv", csv, "--models-dir", tmp_path, "--json", "--keep-outliers") == 0
    assert json.loads(capsys.readouterr().out)["left_out"] == []


@pytest.mark.parametrize("place", ["file", "file/models"])
def test_a_place_that_cannot_be_written_is_found_before_the_training(ratecast, csv, tmp_path, capsys, place):
    (tmp_path / "file").write_text("")
    assert ratecast("train", "--csv", csv, "--models-dir", tmp_path / place) == 2
    printed = capsys.readouterr().err
    assert printed == f"error: --models-dir: {tmp_path / place} cannot be written: Not a directory\n"


def test_the_table_fits_80_columns(ratecast, invent, write_csv, tmp_path, monkeypatch):
    terminal = Console(file=(shown := io.StringIO()), force_terminal=True, color_system=None, width=80)
    monkeypatch.setattr(console, "out", terminal)
    long = write_csv(invent(900)[:2])
    assert ratecast("train", "--csv", long, "--models-dir", tmp_path) == 0
    lines = [line.rstrip() for line in shown.getvalue().splitlines()]
    (header,) = [line for line in lines if line.startswith("pair ")]
    assert header.split("  ")[-1].strip() == "Winkler 95"
    assert [line.split()[0] for line in lines[lines.index(header) :][1:5]] == [
        *("EUR/GBP", "EUR/USD", "all", "walk-forward"),
    ]
    assert "…" not in shown.getvalue()


def test_without_the_training_extra_one_line_says_how_to_get_it(ratecast, csv, tmp_path, capsys, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else find_spec(name)
    )
    assert ratecast("train", "--csv", csv, "--models-dir", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: training needs scikit-learn: run `make install` in ")
    assert error.count("\n") == 1


def test_the_command_line_loads_no_training_library_until_it_trains():
    code = (
        "import sys, typer; from ratecast_cli import train_command; train_command.register(typer.Typer()); "
        "print([m for m in ('numpy', 'sklearn', 'matplotlib', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
