"""Writes a model bundle completely or not at all, and never overwrites another one."""

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
    CENTRE,
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
from ratecast.model.parity import Proof

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable
    from pathlib import Path

    from ratecast.model.signing_key import SigningKey
    from ratecast.model.training_stats import TrainingStats
    from training.onnx_export import ExportedModel

_LIBRARIES = ("numpy", "scikit-learn", "joblib", "skl2onnx", "onnx", "onnxruntime", "scipy")


@dataclass(frozen=True)
class BundleContent:
    """Content of a bundle.

    Attributes:
        stats: statistics, with the wanted version.
        models: file name of a graph -> the model; ``model.onnx`` forecasts ranges, ``centre.onnx`` the return.
        report: returns the HTML report for the statistics with the final version.
        data_digest: SHA-256 of the training data.
        split_dates: which days were used for which part of fitting and testing.
        seed: seed of everything random.
        notes: sentences on rates that were left out and on figures that are missing.
    """

    stats: TrainingStats
    models: dict[str, ExportedModel]
    report: Callable[[TrainingStats], str]
    data_digest: str
    split_dates: dict[str, str]
    seed: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class WrittenBundle:
    """Directory of a bundle and its statistics, which contain its final version."""

    directory: Path
    stats: TrainingStats


def write_bundle(
    models_dir: Path,
    content: BundleContent,
    now: dt.datetime,
    put: Callable[[Path, str], None] = set_current,
    signing_key: SigningKey | None = None,
) -> WrittenBundle:
    """Write ``models_dir/<version>/`` and make it the current bundle.

    All files are first written to a hidden directory, which is renamed when complete. An existing directory is never
    changed, so no reader can find an incomplete or mixed bundle, and a version never names two models. If a valid
    bundle with the same content exists, it is kept. If the existing one differs (other library versions gave another
    forest) or is damaged, the new bundle gets the next free name, ``<version>.2``. So it does if the existing one is not
    signed with the key, because signing it would vouch for a pickle that somebody else may have put there.

    Args:
        models_dir: directory of all bundles.
        content: what to write.
        now: when the bundle was made.
        put: puts the version into use, in place of `set_current`.
        signing_key: signs the bundle; None leaves it unsigned.

    Raises:
        OperationError: the directory cannot be written.
    """
    version = content.stats.model_version
    scratch = models_dir / f".{version}.{os.getpid()}"
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        written = _place(models_dir, scratch, content, now, signing_key)
        put(models_dir, written.stats.model_version)
    except OSError as error:
        raise OperationError(
            f"cannot write the model to {models_dir / version}: {error.strerror or error}"
        ) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return written


def _place(
    models_dir: Path, scratch: Path, content: BundleContent, now: dt.datetime, signing_key: SigningKey | None
) -> WrittenBundle:
    """Put the bundle under the first name that is free or already has the same content."""
    _write_model(scratch, content)
    for number in itertools.count(1):
        wanted = content.stats.model_version
        version = wanted if number == 1 else f"{wanted}.{number}"
        directory = models_dir / version
        stats = content.stats.model_copy(update={"model_version": version})
        (scratch / STATS).write_text(stats.model_dump_json(indent=1, by_alias=True) + "\n", encoding="utf-8")
        if directory.exists():
            if _has_same_content(models_dir, version, scratch, signing_key):
                break
            continue
        (scratch / REPORT).write_text(content.report(stats), encoding="utf-8")
        _write_manifest(scratch, version, content, now)
        if signing_key is not None:
            signing_key.sign(scratch, version, (scratch / MANIFEST).read_bytes())
        try:
            scratch.rename(directory)
        except OSError:
            if not directory.exists():
                raise
            continue  # another training has taken the name in the meantime
        break
    return WrittenBundle(directory, stats)


def _has_same_content(models_dir: Path, version: str, scratch: Path, signing_key: SigningKey | None) -> bool:
    """Whether a valid bundle gives the same forecasts; its report and its date may differ.

    The bytes of its pickle may differ too, because they depend on more than the forest. An equal graph means an equal
    forest.
    """
    try:
        keys = None if signing_key is None else signing_key.trusted
        digests = load(models_dir, version, keys).digests
    except ModelBundleError:
        return False
    used_by_workers = (ONNX, PARITY, STATS)  # PARITY has the outputs of the centre's graph too
    return all(digests[name] == sha256(scratch / name) for name in used_by_workers)


def _write_model(directory: Path, content: BundleContent) -> None:
    import joblib

    joblib.dump(
        {name: model.estimator for name, model in content.models.items()}, directory / JOBLIB, compress=3
    )
    for name, model in content.models.items():
        (directory / name).write_bytes(model.onnx)
    centre = content.models.get(CENTRE)
    proof = Proof(range=content.models[ONNX].probes, centre=None if centre is None else centre.probes)
    (directory / PARITY).write_text(proof.model_dump_json() + "\n", encoding="utf-8")


def _write_manifest(directory: Path, version: str, content: BundleContent, now: dt.datetime) -> None:
    names = (JOBLIB, *content.models, PARITY, STATS, REPORT)
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
    versions = {"python": platform.python_version(), "ratecast": ratecast.__version__}
    return versions | {name: importlib.metadata.version(name) for name in _LIBRARIES}
