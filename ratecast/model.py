"""The model bundle: one directory a version, digests checked on load, `current` moved atomically.

``models/<version>/`` holds ``model.onnx`` (what workers run), ``model.joblib`` (scikit-learn, the source of
truth; never loaded by a worker), ``training_stats.json``, ``manifest.json`` and ``report.html``.
``models/current`` is a one-line text file that names the version in use.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation when it runs
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ratecast.errors import ModelBundleError

MANIFEST = "manifest.json"
STATS = "training_stats.json"
ONNX = "model.onnx"
JOBLIB = "model.joblib"
REPORT = "report.html"
CURRENT = "current"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class FeatureStats(BaseModel):
    """Distribution of one feature of one pair over the training rows."""

    model_config = ConfigDict(frozen=True)

    min: float
    max: float
    mean: float
    std: float = Field(ge=0)


class PairStats(BaseModel):
    """What training saw of one pair."""

    model_config = ConfigDict(frozen=True)

    n: int = Field(gt=0, description="Training rows.")
    first_date: str
    last_date: str
    last_rate: float = Field(gt=0)
    sigma: float = Field(gt=0, description="Standard deviation of one-step log returns.")
    longest_run: int = Field(ge=1, description="Longest run of equal rates.")
    features: dict[str, FeatureStats]


class Shrinkage(BaseModel):
    """How far the forecast may leave the last rate: 0 is not at all."""

    model_config = ConfigDict(frozen=True)

    lambda_: float = Field(alias="lambda", ge=0, le=1)
    t_statistic: float
    gate: float = Field(description="lambda is 0 unless the t statistic exceeds this.")


Quantiles = Annotated[dict[int, float], Field(min_length=1)]


class TrainingStats(BaseModel):
    """``training_stats.json``: everything beside the forest that a forecast needs."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    model_version: str
    trained_until: str = Field(description="Date of the newest rate the model saw.")
    default_pair: str
    shrinkage: Shrinkage
    intervals: dict[str, Quantiles] = Field(
        description='Level ("80", "95") -> history length -> conformal quantile of |error| / sigma. A history '
        "uses the entry of the greatest length that is not above its own."
    )
    drift_std_threshold: float = Field(3.0, gt=0)
    headline: str = Field(description="Whether the model beats the last rate, in plain words.")
    pairs: dict[str, PairStats]


class Manifest(BaseModel):
    """``manifest.json``: what a bundle is made of and where it came from."""

    model_version: str
    created_at: str
    files: dict[str, str] = Field(description="File name -> SHA-256, hex.")
    libraries: dict[str, str]
    data_digest: str
    split_dates: dict[str, str]
    seed: int


class Bundle(BaseModel):
    """A verified bundle: its statistics and the bytes of its ONNX graph."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    version: str
    directory: Path
    stats: TrainingStats
    onnx: bytes


def sha256(path: Path) -> str:
    """The SHA-256 of a file, hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def current_version(models_dir: Path) -> str:
    """The version that ``models_dir/current`` names.

    Raises:
        ModelBundleError: there is none, or the file does not name a version.
    """
    try:
        version = (models_dir / CURRENT).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise ModelBundleError(f"no model in {models_dir}: run `ratecast train` first") from None
    if not _VERSION.fullmatch(version):
        raise ModelBundleError(f"{models_dir / CURRENT} does not name a model version: {version[:60]!r}")
    return version


def set_current(models_dir: Path, version: str) -> None:
    """Make ``version`` the one in use, atomically: a reader sees the old name or the new one."""
    scratch = models_dir / f".{CURRENT}.{os.getpid()}"
    scratch.write_text(version + "\n", encoding="utf-8")
    scratch.replace(models_dir / CURRENT)


def load(models_dir: Path, version: str | None = None) -> Bundle:
    """Load a bundle (the current one unless a version is named) after checking every digest.

    Raises:
        ModelBundleError: it is missing, incomplete, malformed, or a file does not match its digest.
    """
    version = version or current_version(models_dir)
    directory = models_dir / version
    try:
        manifest = Manifest.model_validate_json((directory / MANIFEST).read_bytes())
        verify_digests(directory, manifest)
        stats = TrainingStats.model_validate_json((directory / STATS).read_bytes())
        onnx = (directory / ONNX).read_bytes()
    except FileNotFoundError as error:
        raise ModelBundleError(f"model {version} is incomplete: {error.filename} is missing") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ModelBundleError(
            f"model {version} is malformed: {error.title} {where}: {first['msg']}"
        ) from None
    if stats.model_version != version or manifest.model_version != version:
        raise ModelBundleError(
            f"model {version} calls itself {stats.model_version}: the directory was renamed"
        )
    return Bundle(version=version, directory=directory, stats=stats, onnx=onnx)


def verify_digests(directory: Path, manifest: Manifest) -> None:
    """Check each file a manifest names, and that it names those a worker reads.

    Raises:
        ModelBundleError: a digest does not match or a needed file is not listed.
    """
    for name in (ONNX, STATS):
        if name not in manifest.files:
            raise ModelBundleError(f"{directory / MANIFEST} does not list {name}")
    for name, digest in manifest.files.items():
        if sha256(directory / name) != digest:
            raise ModelBundleError(f"{directory / name} does not match its SHA-256 in {MANIFEST}: refused")
