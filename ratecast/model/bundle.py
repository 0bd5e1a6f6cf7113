"""The model bundle: one directory a version, digests checked on load, `current` moved atomically.

``models/<version>/`` holds ``model.onnx`` (what workers run), ``model.joblib`` (scikit-learn, the source of
truth; never loaded by a worker), ``parity.json`` (proof that both say the same), ``training_stats.json``,
``manifest.json`` and ``report.html``. What a version's directory holds never changes once it is there.
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
from ratecast.model import parity
from ratecast.model.parity import Probes
from ratecast.model.training_stats import TrainingStats

MANIFEST = "manifest.json"
STATS = "training_stats.json"
ONNX = "model.onnx"
JOBLIB = "model.joblib"
PARITY = "parity.json"
REPORT = "report.html"
CURRENT = "current"

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


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
