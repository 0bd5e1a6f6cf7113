"""Workers load no pickle, and no program of the project loads one: `model.joblib` is poisoned, and nothing happens."""

from __future__ import annotations

import ast
import datetime as dt
import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import joblib
import pytest
from prometheus_client import CollectorRegistry

from consumer.models import CurrentModel
from consumer.shadow_model import ShadowModel
from monitoring.metrics import WorkerMetrics
from ratecast.model import bundle as model
from ratecast.model.shadow_pointer import set_shadow
from ratecast.settings import Settings
from tests.bundles import write_bundle

ROOT = Path(__file__).parents[2]
PROGRAMS = ("ratecast", "ratecast_cli", "ratecast_stack", "consumer", "producer", "monitoring", "sink", "web")
READERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}


class Poison:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self._mark = mark

    def __reduce__(self):
        return Path.touch, (self._mark,)


def poisoned(models_dir, version, mark, **options):
    """A bundle whose pickle is poisoned, and whose checksums are right."""
    directory = write_bundle(models_dir, version, **options)
    joblib.dump(Poison(mark), directory / model.JOBLIB)
    manifest = json.loads((directory / model.MANIFEST).read_text())
    manifest["files"][model.JOBLIB] = model.sha256(directory / model.JOBLIB)
    (directory / model.MANIFEST).write_text(json.dumps(manifest))


async def test_a_worker_loads_scores_and_reloads_without_opening_a_pickle(tmp_path, monkeypatch):
    models, mark = tmp_path / "models", tmp_path / "mark"
    poisoned(models, "one", mark)
    joblib.load(models / "one" / model.JOBLIB)
    mark.unlink()  # the poison works

    def opened(*_, **__):
        raise AssertionError("a pickle was opened")

    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, name, opened)
    monkeypatch.setattr(joblib, "load", opened)
    settings, metrics = Settings(models_dir=models), WorkerMetrics(CollectorRegistry(), list)
    current, shadow = CurrentModel(settings, metrics), ShadowModel(settings, metrics.shadow)
    current.load()
    value = b'{"history": [0.85, 0.86, 0.87]}'
    record = SimpleNamespace(topic="t", partition=0, offset=0, timestamp=0, key=None, value=value, headers=())
    assert len(current.scorer().score([record], dt.datetime.now(dt.UTC)).values) == 1
    poisoned(models, "two", mark, seed=1)
    await current.check()
    set_shadow(models, "one")
    await shadow.check()
    assert (current.version, current.refused) == ("two", None)
    assert shadow.scorer is not None
    assert len(current.scorer().score([record], dt.datetime.now(dt.UTC)).values) == 1
    assert not mark.exists()


def readings(source):
    """Yield whatever in a source reads a pickle: an import of such a function, its use, or numpy's way to allow it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in READERS:
            yield from (name.name for name in node.names)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in READERS:
            yield f"{node.value.id}.{node.attr}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield "allow_pickle"
        if isinstance(node, ast.Attribute) and node.attr == "read_pickle":
            yield "read_pickle"


def test_no_program_reads_a_pickle_and_only_training_writes_one():
    found = {
        (path.relative_to(ROOT).as_posix(), reading)
        for program in (*PROGRAMS, "training", "tools")
        for path in (ROOT / program).rglob("*.py")
        for reading in readings(path.read_text())
    }
    assert found == {
        ("training/bundle_writer.py", "joblib.dump"),
        ("training/estimator_trial.py", "pickle.dumps"),
    }


@pytest.mark.parametrize(
    "source",
    [
        "import joblib\njoblib.load('x')",
        "from pickle import loads",
        "import pickle\npickle.Unpickler(file).load()",
        "import numpy as np\nnp.load('x', allow_pickle=True)",
        "pandas.read_pickle('x')",
    ],
)
def test_the_search_finds_what_reads_a_pickle(source):
    assert list(readings(source))
