"""Optional libraries: a missing one is reported in one line, before any work starts."""

from __future__ import annotations

import importlib.util

from ratecast.errors import UsageError
from ratecast_stack.shadowing import ROOT

# Module -> the package that contains it.
_PACKAGES = {"sklearn": "scikit-learn", "noida_db": "noida-db", "psycopg": "psycopg[binary]"}
WEB = ("fastapi", "uvicorn")
TRAINING = ("sklearn", "skl2onnx", "onnx", "joblib", "scipy", "matplotlib", "jinja2")


def require_modules(purpose: str, modules: tuple[str, ...] = TRAINING) -> None:
    """Check that modules are installed, without importing them.

    Args:
        purpose: what needs them, the subject of the error message.
        modules: their import names.

    Raises:
        UsageError: one is missing; the message names the packages and how to install them.
    """
    missing = [_PACKAGES.get(name, name) for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{purpose} needs {', '.join(missing)}: {installation(missing)}")


def installation(packages: list[str]) -> str:
    """Returns what to do to install packages. ratecast is on no package index, so its extras cannot be named to pip."""
    if (ROOT / "Makefile").is_file():
        return f"run `make install` in {ROOT}"
    return f"run `pip install {' '.join(packages)}`"
