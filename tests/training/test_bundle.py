"""A bundle is what was trained, whole, and nothing that was touched since."""

from __future__ import annotations

import datetime as dt
import shutil

import joblib
import numpy as np
import pytest

from ratecast import model
from ratecast.errors import ModelBundleError, OperationError
from ratecast.forecast import Forecaster, OnnxModel
from training.bundle import BundleContent, write_bundle
from training.onnx_export import check_parity, export_onnx


class Shifted:
    """A forest that says a little more than its graph."""

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
    return joblib.load(trained.directory / model.JOBLIB)


def test_a_written_bundle_loads_and_round_trips(trained):
    bundle = model.load(trained.directory.parent)
    assert bundle.version == trained.version
    assert bundle.stats == trained.stats
    assert sorted(path.name for path in trained.directory.iterdir()) == sorted(
        [model.JOBLIB, model.ONNX, model.STATS, model.REPORT, model.MANIFEST]
    )


def test_a_loaded_bundle_forecasts(trained):
    forecaster = Forecaster.from_bundle(model.load(trained.directory.parent))
    found = forecaster.forecast([[0.85, 0.86, 0.87]], np.zeros(1, dtype=np.intp))
    assert found.lower[0, 1] < found.lower[0, 0] < found.prediction[0] < found.upper[0, 0] < found.upper[0, 1]


@pytest.mark.parametrize("name", [model.ONNX, model.STATS, model.JOBLIB, model.REPORT])
def test_a_tampered_file_is_refused(models_dir, trained, name):
    path = models_dir / trained.version / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelBundleError, match=f"{name} does not match its SHA-256"):
        model.load(models_dir)


def test_the_graph_and_the_forest_agree(trained, forest):
    inputs = np.random.default_rng(0).normal(size=(1000, 3)).astype(np.float32)
    onnx = (trained.directory / model.ONNX).read_bytes()
    assert forest.n_jobs == 1
    np.testing.assert_allclose(OnnxModel(onnx).predict(inputs), forest.predict(inputs), atol=1e-6)
    assert check_parity(onnx, forest, inputs) < 1e-6


def test_a_graph_that_disagrees_is_refused(forest):
    inputs = np.zeros((1, 3), dtype=np.float32)
    with pytest.raises(OperationError, match="differs from the forest by 2e-05"):
        check_parity(export_onnx(forest), Shifted(forest, 2e-5), inputs)
    with pytest.raises(OperationError, match="differs"):
        check_parity(export_onnx(forest), Shifted(forest, float("nan")), inputs)


def test_parity_is_checked_on_the_training_inputs_too(forest):
    class WrongAtOnePoint(Shifted):
        def predict(self, inputs):
            return self._forest.predict(inputs) + (inputs[:, 0] == np.float32(0.123)) * self._by

    inputs = np.array([[0.123, 0, 0]], dtype=np.float32)
    with pytest.raises(OperationError, match="differs"):
        check_parity(export_onnx(forest), WrongAtOnePoint(forest, 1), inputs)


def content_of(trained, forest):
    onnx = (trained.directory / model.ONNX).read_bytes()
    return BundleContent(trained.stats, forest, onnx, "<p>new</p>", "0" * 64, {}, 0)


def test_the_same_version_is_replaced_whole(models_dir, trained, forest):
    directory = write_bundle(models_dir, content_of(trained, forest), dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    assert (directory / model.REPORT).read_text() == "<p>new</p>"
    assert model.load(models_dir).version == trained.version
    assert sorted(path.name for path in models_dir.iterdir()) == sorted([trained.version, model.CURRENT])


def test_a_failed_write_leaves_the_old_bundle_current(models_dir, trained, forest, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(joblib, "dump", full)
    with pytest.raises(OperationError, match=r"cannot write the model to .*: No space left on device"):
        write_bundle(models_dir, content_of(trained, forest), dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    assert model.load(models_dir).stats == trained.stats
    assert sorted(path.name for path in models_dir.iterdir()) == sorted([trained.version, model.CURRENT])
