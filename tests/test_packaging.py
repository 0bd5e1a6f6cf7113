"""A wheel built from the sdist works outside the checkout, and what is said about the package agrees everywhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from pathlib import Path
from typing import Any

import pytest
import yaml

from ratecast import __version__
from ratecast_stack.shadowing import PACKAGES

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


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pythons(project: dict[str, Any]) -> list[str]:
    found = (
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in project["classifiers"]
    )
    return [match[1] for match in found if match]


def test_ci_runs_every_python_of_the_classifiers_from_the_oldest_that_is_required(project) -> None:
    named = pythons(project)
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == named
    assert any(step.get("run") == "bash .ci/run" for step in workflow["jobs"]["test"]["steps"])
    assert project["requires-python"] == f">={named[0]}"
    oldest = int(named[0].split(".")[1])
    assert named == [f"3.{minor}" for minor in range(oldest, oldest + len(named))]
    running = f"3.{sys.version_info.minor}"
    assert running in named, f"the suite runs on Python {running}, which pyproject.toml does not name"


def test_the_oldest_python_is_the_same_for_every_tool(project) -> None:
    oldest = pythons(project)[0]
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert tools["mypy"]["python_version"] == oldest
    assert tools["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert f"sys.version_info < ({oldest.replace('.', ', ')})" in makefile
    assert f"--python-version {oldest}" in makefile


def test_version_and_licence_agree(project, installed: Path) -> None:
    assert project["version"] == __version__
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE)
    (information,) = installed.glob("ratecast-*.dist-info")
    metadata = message_from_string((information / "METADATA").read_text(encoding="utf-8"))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == project["requires-python"]
    licence = (information / "licenses" / "LICENSE").read_text(encoding="utf-8")
    assert licence == (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence


def test_the_owner_s_rule_against_uploads_is_kept(project) -> None:
    assert "Private :: Do Not Upload" in project["classifiers"]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_ships_its_types(installed: Path, package: str) -> None:
    assert (installed / package / "py.typed").is_file()


def test_the_files_of_the_page_are_shipped(installed: Path) -> None:
    for folder in ("static", "openapi_page"):
        files = [path for path in (ROOT / "web" / folder).rglob("*") if path.is_file()]
        assert files
        for path in files:
            assert (installed / path.relative_to(ROOT)).read_bytes() == path.read_bytes()


COMMANDS = (
    "train",
    "forecast",
    "broker",
    "topics",
    "worker",
    "replay",
    "feed",
    "predict",
    "tail",
    "web",
    "verify",
    "retrain",
    "drift-report",
    "export",
    "rates",
    "models",
    "dead-letters",
    "demo",
)


def test_no_constraint_names_a_registry() -> None:
    for path in (ROOT / "constraints").iterdir():
        assert "://" not in path.read_text(encoding="utf-8"), path


def test_every_command_has_help(installed: Path, tmp_path: Path) -> None:
    # In one process: starting Python once for each command takes longer than most tests.
    code = """
import sys
from ratecast_cli.main import main
for name in sys.argv[1:]:
    sys.argv = ["ratecast", name, "--help"]
    try:
        main()
    except SystemExit as ended:
        assert not ended.code, name
"""
    own = run(installed, tmp_path, "-c", code, *COMMANDS)
    assert (own.returncode, own.stderr) == (0, "")
    listed = run(installed, tmp_path, "-m", "ratecast", "--help")
    for name in COMMANDS:
        assert name in listed.stdout
        assert f"Usage: ratecast {name} " in own.stdout


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
