"""The decisions must describe the code as it is."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = (
    "consumer",
    "monitoring",
    "producer",
    "ratecast",
    "ratecast_cli",
    "ratecast_stack",
    "sink",
    "training",
    "web",
)
SEAMS = ROOT / "ratecast" / "kafka" / "aiokafka_seams.py"
ROW = re.compile(r"^\| `(?P<function>[a-z_]+)` \| (?P<names>`[^|]+) \|", re.MULTILINE)


def public_modules_imported(tree: ast.Module) -> set[str]:
    """The modules of aiokafka that a module imports by name, whose attributes it could replace."""
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiokafka")
        for alias in node.names
        if alias.name.islower()
    }


def private_imports(tree: ast.AST) -> set[str]:
    return {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiokafka")
        for alias in node.names
        if alias.name.startswith("_")
    }


def private_names(tree: ast.AST, modules: set[str], imported: set[str]) -> set[str]:
    """The private names of a library in a piece of code: imports, attributes, and names of modules it replaces."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in imported:
            names.add(node.id)
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        if node.attr.startswith("_") and not node.attr.startswith("__") and owner not in {"self", "cls"}:
            names.add(node.attr)
        if isinstance(node.ctx, ast.Store) and owner in modules:
            names.add(f"{owner}.{node.attr}")
    return names


def test_private_names_of_libraries_are_used_in_one_module_only() -> None:
    used = {}
    for path in sorted(path for program in PROGRAMS for path in (ROOT / program).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = private_imports(tree)
        if path != SEAMS and (
            names := imported | private_names(tree, public_modules_imported(tree), imported)
        ):
            used[path.relative_to(ROOT).as_posix()] = names
    assert used == {}


def test_each_seam_is_in_the_decision_with_the_private_names_that_it_uses() -> None:
    text = (ROOT / "docs" / "decisions" / "0003-libraries.md").read_text(encoding="utf-8")
    listed = {row["function"]: set(re.findall(r"`([^`]+)`", row["names"])) for row in ROW.finditer(text)}
    tree = ast.parse(SEAMS.read_text(encoding="utf-8"))
    modules, imported = public_modules_imported(tree), private_imports(tree)
    used = {
        function.name: private_names(function, modules, imported)
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
    }
    assert used == listed
    assert imported <= set().union(*used.values())


def test_each_seam_is_tested() -> None:
    tests = (ROOT / "tests" / "ratecast" / "kafka" / "test_aiokafka_seams.py").read_text(encoding="utf-8")
    functions = [node.name for node in ast.parse(SEAMS.read_text()).body if isinstance(node, ast.FunctionDef)]
    assert functions
    assert [name for name in functions if f"seams.{name}(" not in tests] == []
