"""The model bundle: one directory a version, digests checked on load, `current` moved atomically.

``models/<version>/`` holds ``model.onnx`` (what workers run), ``model.joblib`` (scikit-learn, the source of
truth; never loaded by a worker), ``parity.json`` (proof that both say the same), ``training_stats.json``,
``manifest.json`` and ``report.html``. What a version's directory holds never changes once it is there.
``models/current`` is a one-line text file that names the version in use.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation when it runs
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from ratecast import parity
from ratecast.accuracy_reference import AccuracyReference  # noqa: TC001 - pydantic reads annotations at run time
from ratecast.drift_reference import FeatureReference  # noqa: TC001 - the same
from ratecast.errors import ModelBundleError
from ratecast.features import FEATURE_NAMES
from ratecast.forecast import LEVELS
from ratecast.messages import MIN_HISTORY
from ratecast.parity import Probes
from ratecast.quality_limits import QualityLimits  # noqa: TC001 - pydantic reads the annotation when it runs

MANIFEST = "manifest.json"
STATS = "training_stats.json"
ONNX = "model.onnx"
JOBLIB = "model.joblib"
PARITY = "parity.json"
REPORT = "report.html"
CURRENT = "current"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _day(text: str) -> str:
    dt.date.fromisoformat(text)
    return text


Day = Annotated[str, AfterValidator(_day), Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class FeatureStats(BaseModel):
    """Distribution of one feature of one pair over the training rows."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    min: float
    max: float
    mean: float
    std: float = Field(ge=0)


class PairStats(BaseModel):
    """What training saw of one pair."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    n: int = Field(gt=0, description="Training rows.")
    first_date: Day
    last_date: Day
    last_rate: float = Field(gt=0)
    sigma: float = Field(gt=0, description="Standard deviation of one-step log returns.")
    longest_run: int = Field(ge=1, description="Longest run of equal rates.")
    features: dict[str, FeatureStats]


class Shrinkage(BaseModel):
    """How far the forecast may leave the last rate: 0 is not at all."""

    model_config = ConfigDict(frozen=True)

    lambda_: float = Field(alias="lambda", ge=0, le=1, allow_inf_nan=False)
    t_statistic: float
    gate: float = Field(description="lambda is 0 unless the t statistic exceeds this.")


# 0 is a peg's: of a rate that stood still on four days of five, the 80 % range is that rate.
Quantile = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Quantiles = Annotated[dict[int, Quantile], Field(min_length=1)]


class TrainingStats(BaseModel):
    """``training_stats.json``: everything beside the forest that a forecast needs."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    model_version: str
    trained_until: Day = Field(description="Date of the newest rate the model saw.")
    default_pair: str
    shrinkage: Shrinkage
    intervals: dict[str, Quantiles] = Field(
        description='Level ("80", "95") -> history length -> conformal quantile of |error| / scale. A history '
        "uses the entry of the greatest length that is not above its own."
    )
    drift_std_threshold: float = Field(3.0, gt=0, allow_inf_nan=False)
    quality: QualityLimits = Field(description="Thresholds of the data-quality checks.")
    feature_drift: dict[str, dict[str, FeatureReference]] = Field(
        default={},
        description="Pair -> feature -> what windowed drift compares with; none for a short history.",
    )
    accuracy: AccuracyReference | None = Field(
        None, description="What changes of accuracy are told by; none when there was too little to fit it to."
    )
    headline: str = Field(description="Whether the model beats the last rate, in plain words.")
    pairs: dict[str, PairStats]

    @model_validator(mode="after")
    def _holds_what_a_forecast_needs(self) -> TrainingStats:
        tables = [self.intervals.get(level, {}) for level in LEVELS]
        if any(
            set(table) != set(tables[0]) or min(table, default=MIN_HISTORY + 1) > MIN_HISTORY
            for table in tables
        ):
            raise ValueError(f"intervals need levels {LEVELS} of the same lengths, from {MIN_HISTORY} on")
        if self.default_pair not in self.pairs:
            raise ValueError(f"the default pair {self.default_pair} is not among the pairs")
        for name, pair in self.pairs.items():
            if missing := [feature for feature in FEATURE_NAMES if feature not in pair.features]:
                raise ValueError(f"{name} lacks {missing[0]}")
        return self


# A name and no path: what a manifest lists lies in its own directory.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Manifest(BaseModel):
    """``manifest.json``: what a bundle is made of and where it came from."""

    model_version: str
    created_at: str
    files: dict[FileName, str] = Field(description="File name -> SHA-256, hex.")
    libraries: dict[str, str]
    data_digest: str
    split_dates: dict[str, str]
    seed: int
    notes: list[str] = Field(
        default=[], description="What it was not learnt from and what could not be measured, in sentences."
    )


class Bundle(BaseModel):
    """A verified bundle: its statistics and the bytes of its ONNX graph, which says what its forest said."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    version: str
    directory: Path
    stats: TrainingStats
    onnx: bytes
    digests: dict[str, str] = Field(description="File name -> SHA-256, hex, as in the manifest.")


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
    except (OSError, UnicodeDecodeError) as error:
        raise ModelBundleError(f"{models_dir / CURRENT} cannot be read: {error}") from None
    if not _VERSION.fullmatch(version):
        raise ModelBundleError(f"{models_dir / CURRENT} does not name a model version: {version[:60]!r}")
    return version


def set_current(models_dir: Path, version: str) -> None:
    """Make ``version`` the one in use, atomically: a reader sees the old name or the new one."""
    scratch = models_dir / f".{CURRENT}.{os.getpid()}"
    scratch.write_text(version + "\n", encoding="utf-8")
    scratch.replace(models_dir / CURRENT)


def load(models_dir: Path, version: str | None = None) -> Bundle:
    """Load a bundle (the current one unless a version is named) after checking every digest and its parity.

    Raises:
        ModelBundleError: it is missing, incomplete, malformed, a file does not match its digest, or the graph
            does not say what the forest said.
    """
    version = version or current_version(models_dir)
    directory = models_dir / version
    try:
        manifest = Manifest.model_validate_json((directory / MANIFEST).read_bytes())
        contents = verified_contents(directory, manifest)
        stats = TrainingStats.model_validate_json(contents[STATS])
        probes = Probes.model_validate_json(contents[PARITY])
    except FileNotFoundError as error:
        raise ModelBundleError(f"model {version} is incomplete: {error.filename} is missing") from None
    except OSError as error:
        raise ModelBundleError(f"model {version} cannot be read: {error}") from None
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
    try:
        parity.check_probes(contents[ONNX], probes)
    except ModelBundleError as error:
        raise ModelBundleError(f"model {version} is refused: {error}") from error
    return Bundle(
        version=version,
        directory=directory,
        stats=stats,
        onnx=contents[ONNX],
        digests=manifest.files,
    )


def verified_contents(directory: Path, manifest: Manifest) -> dict[str, bytes]:
    """The content of each file a manifest names, checked; it must name those a worker reads.

    What was checked is what is returned: a file that is replaced meanwhile cannot slip in between.

    Raises:
        ModelBundleError: a digest does not match or a needed file is not listed.
        OSError: a file cannot be read.
    """
    for name in (ONNX, STATS):
        if name not in manifest.files:
            raise ModelBundleError(f"{directory / MANIFEST} does not list {name}")
    if PARITY not in manifest.files:
        raise ModelBundleError(
            f"{directory} was made by an earlier ratecast: it lacks {PARITY}; run `ratecast train` again"
        )
    contents: dict[str, bytes] = {}
    for name, digest in manifest.files.items():
        contents[name] = (directory / name).read_bytes()
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            raise ModelBundleError(f"{directory / name} does not match its SHA-256 in {MANIFEST}: refused")
    return contents
