"""The model bundle: a directory for each model version, whose checksums are verified when it is loaded.

``models/<version>/`` holds ``model.onnx`` (the graph that workers run), ``model.joblib`` (the scikit-learn model it was
made from, which no worker loads), ``parity.json`` (inputs and outputs to compare the two with), ``training_stats.json``,
``manifest.json`` and ``report.html``. Its files never change once they are there. ``models/current`` is a text file of
one line that names the version in use; it is replaced atomically. Everything in the directory may come from somebody
else, and it is in use only after all of it was checked.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path  # noqa: TC003 - pydantic reads the annotation at run time
from typing import TYPE_CHECKING, Annotated, TypeVar

import jiter
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ratecast import field_faults
from ratecast.errors import ModelBundleError
from ratecast.model import bundle_files, parity
from ratecast.model.features import MODEL_INPUTS
from ratecast.model.parity import Probes, Proof
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.ranges import LEVELS
from ratecast.model.signatures import MOST_SIGNATURE_BYTES, SIGNATURE
from ratecast.model.training_stats import TrainingStats

if TYPE_CHECKING:
    from ratecast.model.bundle_files import BundleDirectory
    from ratecast.model.signatures import TrustedKeys

MANIFEST = "manifest.json"
STATS = "training_stats.json"
ONNX = "model.onnx"  # forecasts the width of ranges
CENTRE = "centre.onnx"  # forecasts the return; only in a bundle whose lambda is not 0
JOBLIB = "model.joblib"
PARITY = "parity.json"
REPORT = "report.html"
CURRENT = "current"

# The files that a bundle may list, and the most bytes that each may have. Those of 20 pairs have less than a megabyte.
MOST_BYTES = {
    ONNX: 256 * 2**20,
    CENTRE: 256 * 2**20,
    PARITY: 64 * 2**20,
    STATS: 64 * 2**20,
    REPORT: 256 * 2**20,
    JOBLIB: 2**30,
}
MOST_MANIFEST_BYTES = 2**20
_USED_BY_WORKERS = (ONNX, CENTRE, PARITY, STATS)
MOST_POINTER_BYTES = 2**10

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_Content = TypeVar("_Content", bound=BaseModel)

# A name without a path, because every file that a manifest lists is in the manifest's directory.
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class Manifest(BaseModel):
    """``manifest.json``: the files of a bundle and how it was made."""

    model_version: str
    created_at: str
    files: dict[FileName, str] = Field(description="File name -> SHA-256, hex.")
    libraries: dict[str, str]
    data_digest: str
    split_dates: dict[str, str]
    seed: int
    notes: list[str] = Field(
        default=[],
        description="Sentences on data the model was not trained on and on figures that could not be measured.",
    )


class Bundle(BaseModel):
    """A verified bundle: its statistics and its ONNX graphs, which give the same answers as its scikit-learn models."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    version: str
    directory: Path
    stats: TrainingStats
    onnx: bytes
    centre: bytes | None = None
    digests: dict[str, str] = Field(description="File name -> SHA-256, hex, as in the manifest.")
    manifest: bytes = Field(b"", description="The manifest's bytes, as they were verified.")


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file of a bundle in hex.

    Raises:
        ModelBundleError: it is larger than a file of its name may be.
        OSError: it cannot be read.
    """
    with bundle_files.opened(path.parent) as directory:
        return directory.sha256(path.name, MOST_BYTES[path.name])


def is_version(text: str) -> bool:
    """Return whether a text can be a version, and so a directory directly below that of the models.

    >>> is_version("2024-12-31-56271277"), is_version("../secret")
    (True, False)
    """
    return _VERSION.fullmatch(text) is not None


def current_version(models_dir: Path) -> str:
    """Return the version that ``models_dir/current`` names.

    Raises:
        ModelBundleError: the file is missing, or does not name a version.
    """
    version = read_pointer(models_dir / CURRENT)
    if version is None:
        raise ModelBundleError(f"there is no model in {models_dir}: run `ratecast train` first")
    return version


def set_current(models_dir: Path, version: str) -> None:
    """Put ``version`` into use, atomically: a reader sees either the old name or the new one."""
    write_pointer(models_dir / CURRENT, version)


def read_pointer(path: Path) -> str | None:
    """Return the version that a file of one line names; None if there is no such file.

    Raises:
        ModelBundleError: the file cannot be read, or does not name a version.
    """
    try:
        version = bundle_files.read_regular(path, MOST_POINTER_BYTES).decode().strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelBundleError(f"{path} cannot be read: {error}") from None
    if not is_version(version):
        raise ModelBundleError(f"{path} does not name a model version: {version[:60]!r}")
    return version


def write_pointer(path: Path, version: str) -> None:
    """Write a file of one line that names a version, atomically."""
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_text(version + "\n", encoding="utf-8")
    scratch.replace(path)


def load(models_dir: Path, version: str | None = None, keys: TrustedKeys | None = None) -> Bundle:
    """Load a bundle, by default the current one, after verifying every checksum and the answers of its ONNX graph.

    With keys, its signature is verified first. No file is unpickled: `JOBLIB` is read as bytes, for its checksum.

    Raises:
        ModelBundleError: it is missing, incomplete or malformed, none of the keys signed it, a checksum does not match, a
            file is not regular or too large, or the ONNX graph does not give the answers of the scikit-learn forest.
    """
    version = version or current_version(models_dir)
    if not is_version(version):
        raise ModelBundleError(f"{version[:60]!r} is no version of a model")
    path = models_dir / version
    try:
        with bundle_files.opened(path) as directory:
            manifest, signed = read_manifest(directory, version, keys)
            contents = _verified_contents(directory, manifest)
    except FileNotFoundError as error:
        raise ModelBundleError(f"model {version} is incomplete: {error.filename} is missing") from None
    except OSError as error:
        raise ModelBundleError(f"model {version} cannot be read: {error}") from None
    _require_this_format(path, contents[STATS])
    stats = _parse(TrainingStats, path / STATS, contents[STATS])
    proof = _parse(Proof, path / PARITY, contents[PARITY])
    if stats.model_version != version:
        raise ModelBundleError(
            f"the directory of model {version} holds model {stats.model_version}: it was renamed"
        )
    moves = bool(stats.shrinkage.lambda_)
    if moves and (CENTRE not in contents or proof.centre is None):
        raise ModelBundleError(f"model {version} is incomplete: {CENTRE} or its probes are missing")
    centre = contents[CENTRE] if moves else None
    try:
        _check_graph(contents[ONNX], proof.range, (len(RANGE_INPUT_NAMES), len(LEVELS)))
        if centre is not None and proof.centre is not None:
            _check_graph(centre, proof.centre, (MODEL_INPUTS, 1))
    except ModelBundleError as error:
        raise ModelBundleError(f"model {version} is rejected: {error}") from error
    return Bundle(
        version=version,
        directory=path,
        stats=stats,
        onnx=contents[ONNX],
        centre=centre,
        digests=manifest.files,
        manifest=signed,
    )


def read_manifest(
    directory: BundleDirectory, version: str, keys: TrustedKeys | None = None
) -> tuple[Manifest, bytes]:
    """Return the manifest of a bundle, and its bytes. With keys, nothing of it is used before its signature was verified.

    Raises:
        ModelBundleError: it is malformed, not signed with one of the keys, names files that no bundle has, or is that of
            another version.
        OSError: it cannot be read.
    """
    path = directory.path / MANIFEST
    content = directory.read(MANIFEST, MOST_MANIFEST_BYTES)
    if keys is not None:
        if not directory.has(SIGNATURE):
            raise ModelBundleError(f"model {version} is not signed, and RATECAST_MODEL_KEY wants a signature")
        keys.check(
            version, content, directory.read(SIGNATURE, MOST_SIGNATURE_BYTES), directory.path / SIGNATURE
        )
    manifest = _parse(Manifest, path, content)
    if manifest.model_version != version:
        raise ModelBundleError(
            f"the directory of model {version} holds model {manifest.model_version[:60]}: it was renamed"
        )
    if strange := sorted(manifest.files.keys() - MOST_BYTES.keys()):
        raise ModelBundleError(f"{path} lists {strange[0][:60]}, which is no file of a bundle")
    return manifest, content


def _check_graph(onnx: bytes, probes: Probes, shape: tuple[int, int]) -> None:
    """Check that a graph gives its forest's answers, and that its forest is one for these inputs and outputs."""
    if (found := (len(probes.inputs[0]), len(probes.outputs[0]))) != shape:
        raise ModelBundleError(
            f"its ONNX model is made for {found[0]} inputs and {found[1]} outputs, not for {shape[0]} and {shape[1]}"
        )
    parity.check_probes(onnx, probes)


def _require_this_format(directory: Path, stats: bytes) -> None:
    """Reject a bundle whose forest does not forecast ranges, which `TrainingStats` would report field by field."""
    if b'"range_factor"' not in stats:
        raise ModelBundleError(
            f"{directory} was made by an earlier version of ratecast: run `ratecast train` again"
        )


def _parse(kind: type[_Content], path: Path, content: bytes) -> _Content:
    try:
        # Which of two equal keys counts differs by reader, so what one program checked another may not use.
        jiter.from_json(content, catch_duplicate_keys=True, cache_mode="none")
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise ModelBundleError(f"{path} is malformed: {field_faults.describe(error)}") from None
    except ValueError as error:
        raise ModelBundleError(f"{path} is malformed: {error}") from None


def _verified_contents(directory: BundleDirectory, manifest: Manifest) -> dict[str, bytes]:
    """Return the verified content of the files that a worker uses, after verifying all that the manifest lists.

    The caller uses the very bytes that were verified, so a file that is replaced in the meantime does no harm.

    Raises:
        ModelBundleError: a checksum does not match, or the manifest does not list a file that is needed.
        OSError: a file cannot be read.
    """
    for name in (ONNX, STATS):
        if name not in manifest.files:
            raise ModelBundleError(f"{directory.path / MANIFEST} does not list {name}")
    if PARITY not in manifest.files:
        raise ModelBundleError(
            f"{directory.path} lacks {PARITY} because an earlier version of ratecast made it: run `ratecast train` again"
        )
    contents: dict[str, bytes] = {}
    for name, digest in manifest.files.items():
        if name in _USED_BY_WORKERS:
            contents[name] = directory.read(name, MOST_BYTES[name])
            found = hashlib.sha256(contents[name]).hexdigest()
        else:
            found = directory.sha256(name, MOST_BYTES[name])
        if found != digest:
            raise ModelBundleError(
                f"{directory.path / name} does not match its SHA-256 checksum in {MANIFEST}"
            )
    return contents
