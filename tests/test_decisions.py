"""What the decisions say of the code."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROGRAMS = ("consumer", "monitoring", "producer", "ratecast", "training")
ROW = re.compile(r"^\| `(?P<module>[a-z_/]+\.py)` \| (?P<names>[^|]+) \|", re.MULTILINE)


def private_names(tree: ast.Module) -> set[str]:
    """What a module uses of a library's inside: private imports and attributes, and module names that it replaces."""
    names: set[str] = set()
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aiokafka"):
            imported = [alias.name for alias in node.names]
            names.update(name for name in imported if name.startswith("_"))
            modules.update(name for name in imported if name.islower())
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute):
            continue
        of = node.value.id if isinstance(node.value, ast.Name) else ""
        if node.attr.startswith("_") and not node.attr.startswith("__") and of not in {"self", "cls"}:
            names.add(node.attr)
        if isinstance(node.ctx, ast.Store) and of in modules:
            names.add(f"{of}.{node.attr}")
    return names


def test_the_private_names_of_the_client_that_are_used_are_those_of_the_decision() -> None:
    text = (ROOT / "docs" / "decisions" / "0003-libraries.md").read_text(encoding="utf-8")
    listed = {row["module"]: set(re.findall(r"`([^`]+)`", row["names"])) for row in ROW.finditer(text)}
    used: defaultdict[str, set[str]] = defaultdict(set)
    for program in PROGRAMS:
        for path in sorted((ROOT / program).rglob("*.py")):
            if names := private_names(ast.parse(path.read_text(encoding="utf-8"))):
                used[path.relative_to(ROOT).as_posix()] = names
    assert used == listed
