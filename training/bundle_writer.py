"""Writes a model bundle: whole or not at all, and never over another."""

from __future__ import annotations

import importlib.metadata
import itertools
import os
import platform
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ratecast
from ratecast.errors import ModelBundleError, OperationError
from ratecast.model.bundle import (
    JOBLIB,
    MANIFEST,
    ONNX,
    PARITY,
    REPORT,
    STATS,
    Manifest,
    load,
    set_current,
    sha256,
)

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path

    from sklearn.ensemble import RandomForestRegressor

    from ratecast.model.parity import Probes
    from ratecast.model.training_stats import TrainingStats

_LIBRARIES = ("numpy", "scikit-learn", "joblib", "skl2onnx", "onnx", "onnxruntime", "scipy")


@dataclass(frozen=True)
class BundleContent:
    """What goes into a bundle.

    Attributes:
        stats: with the version that it should have.
        forest: scikit-learn's.
        onnx: the same as a graph.
        probes: the proof.
        report: makes the page, HTML, from the stats with the version that it gets.
        data_digest: SHA-256 of what it was trained on.
        split_dates: what was fitted and tested on which days.
        seed: of everything random.
        notes: what it was not learnt from, in sentences.
    """

    stats: TrainingStats
    forest: RandomForestRegressor
    onnx: bytes
    probes: Probes
    report: Callable[[TrainingStats], str]
    data_digest: str
    split_dates: dict[str, str]
    seed: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrittenBundle:
    """Where a bundle lies, and its statistics, which name the version that it got."""

    directory: Path
    stats: TrainingStats


def write_bundle(models_dir: Path, content: BundleContent, now: dt.datetime) -> WrittenBundle:
    """Write ``models_dir/<version>/`` and make it the current one.

    Everything is written into a hidden directory beside it and renamed when complete. A directory that is there
    already is never touched, so that no reader finds it half, mixed or gone, and a version never means two
    models: a sound bundle with the same content is kept as it is; otherwise (other libraries have grown another
    forest, a file is damaged) the new one takes the next free name, ``<version>.2``.

    Raises:
        OperationError: the directory cannot be written.
    """
    version = content.stats.model_version
    scratch = models_dir / f".{version}.{os.getpid()}"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        written = _place(models_dir, scratch, content, now)
        set_current(models_dir, written.stats.model_version)
    except OSError as error:
        raise OperationError(
            f"cannot write the model to {models_dir / version}: {error.strerror or error}"
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return written


def _place(models_dir: Path, scratch: Path, content: BundleContent, now: dt.datetime) -> WrittenBundle:
    """The bundle under the first name that is free or already holds the same."""
    _write_model(scratch, content)
    for number in itertools.count(1):
        wanted = content.stats.model_version
        version = wanted if number == 1 else f"{wanted}.{number}"
        directory = models_dir / version
        stats = content.stats.model_copy(update={"model_version": version})
        (scratch / STATS).write_text(stats.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        if directory.exists():
            if _holds_the_same(models_dir, version, scratch):
                break
            continue
        (scratch / REPORT).write_text(content.report(stats), encoding="utf-8")
        _write_manifest(scratch, version, content, now)
        try:
            scratch.rename(directory)
        except OSError:
            if not directory.exists():
                raise
            continue  # another training was a moment faster
        break
    return WrittenBundle(directory, stats)


def _holds_the_same(models_dir: Path, version: str, scratch: Path) -> bool:
    """Whether a sound bundle serves the same; its report and its date may differ.

    So may the bytes of its pickle, which depend on more than the forest: the same graph is the same forest.
    """
    try:
        digests = load(models_dir, version).digests
    except ModelBundleError:
        return False
    served = (ONNX, PARITY, STATS)
    return all(digests[name] == sha256(scratch / name) for name in served)


def _write_model(directory: Path, content: BundleContent) -> None:
    import joblib

    joblib.dump(content.forest, directory / JOBLIB, compress=3)
    (directory / ONNX).write_bytes(content.onnx)
    (directory / PARITY).write_text(content.probes.model_dump_json() + "\n", encoding="utf-8")


def _write_manifest(directory: Path, version: str, content: BundleContent, now: dt.datetime) -> None:
    names = (JOBLIB, ONNX, PARITY, STATS, REPORT)
    manifest = Manifest(
        model_version=version,
        created_at=now.isoformat(timespec="seconds"),
        files={name: sha256(directory / name) for name in names},
        libraries=_libraries(),
        data_digest=content.data_digest,
        split_dates=content.split_dates,
        seed=content.seed,
        notes=list(content.notes),
    )
    (directory / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _libraries() -> dict[str, str]:
    own = {"python": platform.python_version(), "ratecast": ratecast.__version__}
    return own | {name: importlib.metadata.version(name) for name in _LIBRARIES}
