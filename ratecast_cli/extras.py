"""Optional parts of the package: said to be missing in one line, before anything begins."""

from __future__ import annotations

import importlib.util

from ratecast.errors import UsageError

TRAINING = ("sklearn", "skl2onnx", "onnx", "joblib", "scipy", "matplotlib", "jinja2")


def require_training_extra(what: str = "training", needed: tuple[str, ...] = TRAINING) -> None:
    """Check that what the extra ``training`` brings is installed.

    Args:
        what: the user is about to do.
        needed: modules that it takes.

    Raises:
        UsageError: one is not; the message says how to get it.
    """
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"{what} needs {', '.join(missing)}: pip install 'ratecast[training]'")
