"""Writes a model bundle: whole or not at all."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ratecast
from ratecast import model
from ratecast.errors import OperationError

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from sklearn.ensemble import RandomForestRegressor

_LIBRARIES = ("numpy", "scikit-learn", "joblib", "skl2onnx", "onnx", "onnxruntime", "scipy")


@dataclass(frozen=True)
class BundleContent:
    """What goes into a bundle."""

    stats: model.TrainingStats
    forest: RandomForestRegressor
    onnx: bytes
    report: str  # HTML
    data_digest: str
    split_dates: dict[str, str]
    seed: int


def write_bundle(models_dir: Path, content: BundleContent, now: dt.datetime) -> Path:
    """Write ``models_dir/<version>/`` and make it the current one; returns the directory.

    Everything is written into a hidden directory beside it and renamed when complete. A bundle of the same
    version is replaced; both forecast the same.

    Raises:
        OperationError: the directory cannot be written.
    """
    version = content.stats.model_version
    directory = models_dir / version
    scratch = models_dir / f".{version}.{os.getpid()}"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        _write_files(scratch, content, now)
        _swap_in(scratch, directory)
        model.set_current(models_dir, version)
    except OSError as error:
        raise OperationError(f"cannot write the model to {directory}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return directory


def _write_files(directory: Path, content: BundleContent, now: dt.datetime) -> None:
    import joblib

    joblib.dump(content.forest, directory / model.JOBLIB, compress=3)
    (directory / model.ONNX).write_bytes(content.onnx)
    stats = content.stats.model_dump_json(indent=1, by_alias=True)
    (directory / model.STATS).write_text(stats + "\n", encoding="utf-8")
    (directory / model.REPORT).write_text(content.report, encoding="utf-8")
    files = (model.JOBLIB, model.ONNX, model.STATS, model.REPORT)
    manifest = model.Manifest(
        model_version=content.stats.model_version,
        created_at=now.isoformat(timespec="seconds"),
        files={name: model.sha256(directory / name) for name in files},
        libraries=_libraries(),
        data_digest=content.data_digest,
        split_dates=content.split_dates,
        seed=content.seed,
    )
    (directory / model.MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _libraries() -> dict[str, str]:
    own = {"python": platform.python_version(), "ratecast": ratecast.__version__}
    return own | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def _swap_in(scratch: Path, directory: Path) -> None:
    """Rename into place. POSIX renames no directory over a full one, so the old one steps aside first."""
    aside = directory.with_name(f"{scratch.name}.old")
    if directory.exists():
        directory.rename(aside)
    try:
        scratch.rename(directory)
    except OSError:
        if aside.exists():
            aside.rename(directory)
        raise
    shutil.rmtree(aside, ignore_errors=True)
