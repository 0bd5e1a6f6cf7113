"""Checks that a directory can be written to, before any long work starts."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def make_data_dir(data_dir: Path) -> None:
    """Create a broker's data directory if it does not exist.

    Raises:
        UsageError: the directory cannot be created or written to.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / ".writable").touch()
        (data_dir / ".writable").unlink()
    except OSError as error:
        raise UsageError(f"--data-dir {data_dir} cannot be used: {error.strerror}") from None


def require_writable(models_dir: Path) -> None:
    """Check that a model can be saved in a directory, which need not exist. Nothing is left behind.

    Raises:
        UsageError: the directory cannot be written to.
    """
    try:
        existing = next(path for path in (models_dir, *models_dir.parents) if path.exists())
        with TemporaryDirectory(prefix=".writable-", dir=existing):
            pass
    except OSError as error:
        raise UsageError(f"--models-dir: {models_dir} cannot be written: {error.strerror}") from None
