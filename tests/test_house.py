"""The house rules that no other tool holds: names, sizes, and contracts without exceptions."""

from __future__ import annotations

import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from ratecast_stack import shadowing

ROOT = Path(__file__).parents[1]
PACKAGES = (*shadowing.PACKAGES, "tools")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
SHARED = {"__init__.py", "__main__.py"}


def test_no_two_modules_have_one_name() -> None:
    names = Counter(path.name for path in MODULES if path.name not in SHARED)
    assert [name for name, count in names.items() if count > 1] == []
    packages = {path.parent.name for path in MODULES}
    assert {Path(name).stem for name in names} & packages == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_fits_on_three_hundred_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


def test_import_contracts_have_no_exceptions_and_cover_every_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    linter = project["tool"]["importlinter"]
    assert not [contract["name"] for contract in linter["contracts"] if "ignore_imports" in contract]
    built = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    assert set(linter["root_packages"]) == built == set(PACKAGES) - {"tools"}


def test_the_readme_stays_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_no_path_of_a_machine_and_no_private_registry_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    locks = [ROOT / name for name in listed.stdout.split() if name.startswith("constraints/")]
    assert locks
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert "index-url" not in text
