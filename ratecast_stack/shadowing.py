"""Finds modules that hide our packages, and builds command lines that no such module can affect.

Our packages have common names such as ``training``. A user's ``training.py`` in the working directory or on PYTHONPATH
comes before ours on Python's search path. This module needs the standard library only, since it runs before any import.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = (
    "ratecast",
    "ratecast_cli",
    "ratecast_stack",
    "consumer",
    "producer",
    "training",
    "monitoring",
    "web",
    "sink",
)


def shadowing_module() -> str | None:
    """Returns one line about a foreign module that hides one of our packages, or None if there is none."""
    for package in PACKAGES:
        spec = find_spec(package)
        origin = None if spec is None or spec.origin is None else Path(spec.origin).resolve()
        if origin is not None and origin.parent.parent != ROOT:
            place = origin.parent.parent if origin.name == "__init__.py" else origin.parent
            file = origin.parent if origin.name == "__init__.py" else origin
            remedy = f"take {place} off PYTHONPATH"
            if place == Path.cwd():
                remedy = f"run ratecast from another folder than {place}"
            return f"{file} hides ratecast's package `{package}`: rename it, or {remedy}"
    return None


def ratecast_command(*arguments: str) -> tuple[str, ...]:
    """Returns the command line of a ratecast command for this interpreter; use it with `child_environment`.

    ``-P`` keeps the working directory off the search path.
    """
    return (sys.executable, "-P", "-m", "ratecast_cli", *arguments)


def child_environment() -> dict[str, str]:
    """Returns this process's environment with our packages first on PYTHONPATH, and log lines for people by default."""
    others = os.environ.get("PYTHONPATH")
    return {
        "RATECAST_LOG_FORMAT": "text",
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *([others] if others else [])]),
    }
