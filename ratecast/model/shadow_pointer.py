"""``models/shadow``: a text file of one line that names the shadow model, as ``models/current`` names the one in use.

A worker scores the same messages with the shadow model and publishes nothing of it. Without the file there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.model.bundle import read_pointer, write_pointer

if TYPE_CHECKING:
    from pathlib import Path

SHADOW = "shadow"


def shadow_version(models_dir: Path) -> str | None:
    """Return the version that ``models_dir/shadow`` names; None if there is no such file.

    Raises:
        ModelBundleError: the file cannot be read, or does not name a version.
    """
    return read_pointer(models_dir / SHADOW)


def set_shadow(models_dir: Path, version: str) -> None:
    """Make ``version`` the shadow model, atomically: a reader sees either the old name or the new one."""
    write_pointer(models_dir / SHADOW, version)


def remove_shadow(models_dir: Path) -> None:
    """Have no shadow model any more. Its bundle stays."""
    (models_dir / SHADOW).unlink(missing_ok=True)
