"""A bundle is complete, contains the trained model, and detects later changes."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from ratecast.errors import ModelBundleError, OperationError
from ratecast.model.bundle import (
    CENTRE,
    CURRENT,
    JOBLIB,
    MANIFEST,
    ONNX,
    PARITY,
    REPORT,
    STATS,
    current_version,
    load,
    set_current,
    sha256,
)
from ratecast.model.forecast import Forecaster
from ratecast.model.onnx_model import OnnxModel
from ratecast.model.parity import Proof, make_probes
from ratecast.model.range_inputs import RANGE_INPUT_NAMES
from ratecast.model.signing_key import SigningKey
from training.bundle_writer import BundleContent, write_bundle
from training.onnx_export import ExportedModel, check_parity, export, export_onnx

NOW = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
RNG = np.random.default_rng(0)
INPUTS = len(RANGE_INPUT_NAMES)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


class Shifted:
    """A forest whose predictions differ from its graph."""

    def __init__(self, forest, by):
        self._forest, self._by = forest, by

    def predict(self, inputs):
        return self._forest.predict(inputs) + self._by


@pytest.fixture
def models_dir(trained, tmp_path):
    shutil.copytree(trained.directory.parent, tmp_path / "models")
    return tmp_path / "models"


@pytest.fixture
def forest(trained):
    return joblib.load(trained.directory / JOBLIB)[ONNX]


def test_a_written_bundle_loads_and_round_trips(trained):
    bundle = load(trained.directory.parent)
    assert bundle.version == trained.version
    assert bundle.stats == trained.stats
    assert sorted(path.name for path in trained.directory.iterdir()) == sorted(
        [JOBLIB, ONNX, PARITY, STATS, REPORT, MANIFEST]
    )


def test_a_loaded_bundle_forecasts(trained):
    forecaster = Forecaster.from_bundle(load(trained.directory.parent))
    found = forecaster.forecast(forecaster.windows([[0.85, 0.86, 0.87]], np.zeros(1, dtype=np.intp)))
    assert found.lower[0, 1] < found.lower[0, 0] < found.prediction[0] < found.upper[0, 0] < found.upper[0, 1]


@pytest.mark.parametrize("name", [ONNX, STATS, PARITY, JOBLIB, REPORT])
def test_a_tampered_file_is_rejected(models_dir, trained, name):
    path = models_dir / trained.version / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelBundleError, match=f"{name} does not match its SHA-256"):
        load(models_dir)


def test_the_graph_and_the_forest_agree(trained, forest):
    inputs = np.random.default_rng(0).normal(size=(1000, INPUTS)).astype(np.float32)
    onnx = (trained.directory / ONNX).read_bytes()
    assert forest.n_jobs == 1
    np.testing.assert_allclose(OnnxModel(onnx).predict(inputs), forest.predict(inputs), atol=1e-6)
    assert check_parity(onnx, forest, inputs) < 1e-6
    assert graph_output(onnx) == [None, 2]


def graph_output(onnx):
    """The shape that a graph declares for its output; None where it depends on the batch."""
    shape = OnnxModel(onnx)._session.get_outputs()[0].shape
    return [size if isinstance(size, int) else None for size in shape]


def test_a_graph_declares_as_many_outputs_as_its_model_has(models_dir, forest):
    inputs = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    one, three = (clone(forest).fit(inputs, target) for target in (inputs[:, 0], inputs))
    assert [graph_output(export_onnx(model, 3)) for model in (one, three)] == [[None, 1], [None, 3]]


def test_a_bundle_with_a_centre_has_its_graph_its_forest_and_its_probes(models_dir, trained, forest):
    inputs = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    centre = export(clone(forest).fit(inputs, inputs[:, 0]), inputs, seed=0)
    content = content_of(trained, forest)
    shrinkage = trained.stats.shrinkage.model_copy(update={"lambda_": 0.5})
    stats = trained.stats.model_copy(update={"shrinkage": shrinkage})
    content = replace(content, stats=stats, models=content.models | {CENTRE: centre})
    written = write_bundle(models_dir, content, NOW)
    assert load(models_dir).centre == centre.onnx
    assert set(joblib.load(written.directory / JOBLIB)) == {ONNX, CENTRE}


def test_a_graph_that_disagrees_is_rejected(forest):
    inputs = np.zeros((1, INPUTS), dtype=np.float32)
    with pytest.raises(OperationError, match="differs from the model by 2e-05"):
        check_parity(export_onnx(forest, INPUTS), Shifted(forest, 2e-5), inputs)
    with pytest.raises(OperationError, match="differs"):
        check_parity(export_onnx(forest, INPUTS), Shifted(forest, float("nan")), inputs)


def test_parity_is_checked_on_the_training_inputs_too(forest):
    class WrongAtOnePoint(Shifted):
        def predict(self, inputs):
            return self._forest.predict(inputs) + (inputs[:, [0]] == np.float32(0.123)) * self._by

    inputs = np.array([[0.123, *[0] * (INPUTS - 1)]], dtype=np.float32)
    with pytest.raises(OperationError, match="differs"):
        check_parity(export_onnx(forest, INPUTS), WrongAtOnePoint(forest, 1), inputs)


def content_of(trained, forest):
    probes = Proof.model_validate_json((trained.directory / PARITY).read_bytes()).range
    onnx = (trained.directory / ONNX).read_bytes()
    stats = trained.stats
    models = {ONNX: ExportedModel(forest, onnx, probes)}
    return BundleContent(stats, models, lambda named: f"<p>{named.model_version}</p>", "0" * 64, {}, 0)


def snapshot(directory):
    return {path.name: (path.read_bytes(), path.stat().st_ino) for path in directory.iterdir()}


def test_the_same_bundle_again_is_kept(models_dir, trained, forest):
    before = snapshot(models_dir / trained.version)
    set_current(models_dir, "another")
    written = write_bundle(models_dir, content_of(trained, forest), NOW)
    assert (written.directory, written.stats) == (models_dir / trained.version, trained.stats)
    assert snapshot(models_dir / trained.version) == before
    assert current_version(models_dir) == trained.version
    assert names(models_dir) == sorted([trained.version, CURRENT])


def test_the_same_version_with_another_forest_takes_another_name(models_dir, trained, forest):
    before = snapshot(models_dir / trained.version)
    inputs = RNG.normal(size=(300, INPUTS)).astype(np.float32)
    other = clone(forest).set_params(random_state=5).fit(inputs, RNG.normal(size=(300, 2)))
    onnx = export_onnx(other, INPUTS)
    models = {ONNX: ExportedModel(other, onnx, make_probes(other, inputs, 0))}
    content = replace(content_of(trained, other), models=models)
    written = write_bundle(models_dir, content, NOW)
    second = f"{trained.version}.2"
    assert written.stats.model_version == written.directory.name == second
    assert load(models_dir).stats == written.stats
    assert load(models_dir).onnx == onnx
    assert (written.directory / REPORT).read_text() == f"<p>{second}</p>"
    assert snapshot(models_dir / trained.version) == before
    kept = snapshot(written.directory)
    assert write_bundle(models_dir, content, NOW).directory == written.directory
    assert snapshot(written.directory) == kept
    assert names(models_dir) == sorted([trained.version, second, CURRENT])


def test_a_damaged_bundle_is_not_changed_and_its_successor_is_valid(models_dir, trained, forest):
    (models_dir / trained.version / ONNX).write_bytes(b"torn")
    with pytest.raises(ModelBundleError):
        load(models_dir)
    written = write_bundle(models_dir, content_of(trained, forest), NOW)
    assert load(models_dir).version == written.stats.model_version == f"{trained.version}.2"
    assert (models_dir / trained.version / ONNX).read_bytes() == b"torn"


def test_the_second_of_two_trainings_takes_the_next_name(models_dir, trained, forest, monkeypatch):
    """Another training takes the name after this one found it free."""
    shutil.rmtree(models_dir / trained.version)
    rename = Path.rename

    def overtaken(self, target):
        if target.name == trained.version:
            shutil.copytree(trained.directory, target)
            (target / ONNX).write_bytes(b"another")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", overtaken)
    written = write_bundle(models_dir, content_of(trained, forest), NOW)
    assert written.directory.name == f"{trained.version}.2"
    assert load(models_dir).version == f"{trained.version}.2"


def test_a_failed_write_leaves_the_old_bundle_current(models_dir, trained, forest, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(joblib, "dump", full)
    with pytest.raises(OperationError, match=r"cannot write the model to .*: No space left on device"):
        write_bundle(models_dir, content_of(trained, forest), NOW)
    assert load(models_dir).stats == trained.stats
    assert names(models_dir) == sorted([trained.version, CURRENT])


def test_a_bundle_is_signed_before_it_appears(models_dir, trained, forest, tmp_path):
    key = SigningKey.make(tmp_path / "key.pem")
    shutil.rmtree(models_dir / trained.version)
    written = write_bundle(models_dir, content_of(trained, forest), NOW, signing_key=key)
    assert written.stats.model_version == trained.version
    assert load(models_dir, keys=key.trusted).stats == written.stats
    before = snapshot(written.directory)
    again = write_bundle(models_dir, content_of(trained, forest), NOW, signing_key=key)
    assert (again.directory, snapshot(again.directory)) == (written.directory, before)


def test_an_equal_bundle_of_somebody_else_is_never_signed(models_dir, trained, forest, tmp_path):
    """Its graph is the same, its pickle is not, and its checksums fit."""
    key, manifest = SigningKey.make(tmp_path / "key.pem"), models_dir / trained.version / MANIFEST
    (models_dir / trained.version / JOBLIB).write_bytes(b"a poisoned pickle")
    content = json.loads(manifest.read_text())
    content["files"][JOBLIB] = sha256(models_dir / trained.version / JOBLIB)
    manifest.write_text(json.dumps(content))
    assert load(models_dir).version == trained.version
    written = write_bundle(models_dir, content_of(trained, forest), NOW, signing_key=key)
    assert load(models_dir, keys=key.trusted).version == written.stats.model_version == f"{trained.version}.2"
    with pytest.raises(ModelBundleError, match="is not signed"):
        load(models_dir, trained.version, key.trusted)
