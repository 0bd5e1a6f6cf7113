"""The page of a model bundle's files, from `ratecast.model.bundle` and `ratecast.model.training_stats`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.model.bundle import MANIFEST, MOST_BYTES, MOST_MANIFEST_BYTES, Manifest
from ratecast.model.signatures import MOST_SIGNATURE_BYTES, SIGNATURE
from ratecast.model.training_stats import PairStats, TrainingStats
from tools.reference.markdown import code, sentences, table
from tools.reference.meanings import BUNDLE_FIELDS, BUNDLE_FILES

if TYPE_CHECKING:
    from pydantic import BaseModel

_HEAD = """# Files of a model bundle

A *bundle* is the directory of one model: `models/<version>/`. Its content never changes once it is there; only a signature may be
added. `models/current` is a text file with one line that names the version in use. A worker rejects a bundle if a checksum does not
match, or if its ONNX model gives different answers than the scikit-learn model. [Security](../security.md#models) lists all that is
refused. The worker then keeps the model that it has. `models/shadow` names the [shadow
model](../how-to/retrain.md#try-a-model-on-live-messages) in the same way. Without that file there is none."""

_LIMITS = (
    """A manifest lists files of these names and no others. Files that it does not list are never opened."""
)

_MOST_BYTES = MOST_BYTES | {MANIFEST: MOST_MANIFEST_BYTES, SIGNATURE: MOST_SIGNATURE_BYTES}

_FEATURES = """Each entry of `features` holds the minimum, maximum, mean and standard deviation of `lag_1`, `lag_2`, `lag_3`, `return_1` or
`return_2` over the training rows."""


def bundle_page() -> str:
    """Return the files of a bundle and the fields of its two JSON files."""
    parts = (
        _HEAD,
        table(
            ("file", "most bytes", "content"),
            [(code(name), f"{_MOST_BYTES[name]:,}", meaning) for name, meaning in BUNDLE_FILES.items()],
        ),
        _LIMITS,
        "## `manifest.json`",
        _fields(Manifest),
        "## `training_stats.json`",
        _fields(TrainingStats),
        "Each entry of `pairs` holds:",
        _fields(PairStats),
        _FEATURES,
    )
    return "\n\n".join(parts) + "\n"


def _fields(model: type[BaseModel]) -> str:
    rows = [
        (
            code(field.alias or name),
            sentences(field.description or BUNDLE_FIELDS.get(name) or _docstring(field.annotation)),
        )
        for name, field in model.model_fields.items()
    ]
    return table(("field", "meaning"), rows)


def _docstring(annotation: object) -> str | None:
    """Return the first line of a model's docstring; None for a plain type."""
    text = getattr(annotation, "__doc__", None) if hasattr(annotation, "model_fields") else None
    return text.strip().splitlines()[0] if text else None
