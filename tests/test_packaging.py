"""A wheel built from the sdist works outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("package")
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(home)]
    subprocess.run([*build, "--sdist", str(ROOT)], check=True, capture_output=True)
    with tarfile.open(next(home.glob("*.tar.gz"))) as archive:
        archive.extractall(home / "source", filter="data")
    subprocess.run(
        [*build, "--wheel", str(next((home / "source").iterdir()))], check=True, capture_output=True
    )
    with zipfile.ZipFile(next(home.glob("*.whl"))) as wheel:
        wheel.extractall(home / "installed")  # noqa: S202 - the wheel just built
    return home / "installed"


def run(installed: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def test_it_is_the_installed_package_that_runs(installed: Path, tmp_path: Path) -> None:
    code = "import ratecast, producer, consumer, training, monitoring; print(ratecast.__file__)"
    result = run(installed, tmp_path, "-c", code)
    assert result.stdout.startswith(str(installed)), result.stderr


def test_every_command_has_help(installed: Path, tmp_path: Path) -> None:
    result = run(installed, tmp_path, "-m", "ratecast", "--help")
    assert result.returncode == 0, result.stderr
    for name in (
        "train",
        "broker",
        "topics",
        "worker",
        "replay",
        "predict",
        "tail",
        "verify",
        "retrain",
        "drift-report",
        "dead-letters",
        "demo",
    ):
        assert name in result.stdout
        own = run(installed, tmp_path, "-m", "ratecast", name, "--help")
        assert (own.returncode, own.stderr) == (0, "")


def test_training_finds_its_template_and_rates(installed: Path, tmp_path: Path) -> None:
    arguments = ("train", "--pair", "EUR/GBP", "--pair", "EUR/USD", "--until", "2003-12-31", "--json")
    result = run(installed, tmp_path, "-m", "ratecast", *arguments)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "models" / "current").read_text().startswith("2003-12-31-")


def test_help_loads_no_heavy_library(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['ratecast', '--help']\n"
        "from ratecast_cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted({'numpy', 'sklearn', 'onnxruntime', 'aiokafka', 'matplotlib'} & set(sys.modules)))"
    )
    assert run(installed, tmp_path, "-c", code).stdout.splitlines()[-1] == "[]"


def test_a_worker_loads_no_training_library(installed: Path, tmp_path: Path) -> None:
    code = (
        "import sys, consumer.worker, ratecast.model.onnx_model, onnxruntime\n"
        "print(sorted({'sklearn', 'joblib', 'scipy', 'onnx', 'skl2onnx', 'matplotlib', 'pandas'} & set(sys.modules)))"
    )
    assert run(installed, tmp_path, "-c", code).stdout.strip() == "[]"
