"""A bundle that loads can be used; every other is rejected with the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ratecast.errors import ModelBundleError
from ratecast.model import parity
from ratecast.model.bundle import CENTRE, CURRENT, MANIFEST, ONNX, PARITY, STATS, load, set_current
from ratecast.model.onnx_model import OnnxModel
from ratecast.model.parity import Probes
from tests.bundles import centre_on_noise, forest_on_noise, write_bundle, write_manifest


@pytest.fixture
def bundle(tmp_path):
    return write_bundle(tmp_path)


def rewrite(directory, name, **changes):
    """Change a JSON file of a bundle and mend its digest."""
    document = json.loads((directory / name).read_text()) | changes
    (directory / name).write_text(json.dumps(document))
    write_manifest(directory, directory.name)


def test_the_graph_of_another_forest_is_rejected_though_its_digest_is_right(bundle, tmp_path):
    assert load(tmp_path).version == "test-1"
    other, _ = forest_on_noise(seed=1)
    (bundle / ONNX).write_bytes(other)
    write_manifest(bundle, "test-1")
    with pytest.raises(ModelBundleError, match=r"test-1 is rejected: its ONNX model differs .* by [0-9.]+"):
        load(tmp_path)


def test_a_graph_with_one_output_less_is_rejected():
    onnx, probes = forest_on_noise()
    narrower = Probes(inputs=probes.inputs, outputs=[row[:1] for row in probes.outputs])
    with pytest.raises(ModelBundleError, match="differs"):
        parity.check_probes(onnx, narrower)


@pytest.mark.parametrize(("off", "fails"), [(9e-6, False), (1.1e-5, True)])
def test_parity_has_the_tolerance_of_training(off, fails):
    onnx, probes = forest_on_noise()
    exact = OnnxModel(onnx).predict(np.array(probes.inputs, dtype=np.float32)).tolist()
    last = [exact[-1][0], exact[-1][1] + off]
    shifted = Probes(inputs=probes.inputs, outputs=[*exact[:-1], last])
    if fails:
        with pytest.raises(ModelBundleError, match="at most 1e-05"):
            parity.check_probes(onnx, shifted)
    else:
        parity.check_probes(onnx, shifted)


def test_probes_are_seeded_and_hold_training_and_random_inputs():
    inputs = np.random.default_rng(3).normal(size=(500, 3)).astype(np.float32)

    class Sum:
        def predict(self, rows):
            return rows.sum(axis=1).astype(np.float64)

    probes = parity.make_probes(Sum(), inputs, seed=7)
    assert probes == parity.make_probes(Sum(), inputs, seed=7) != parity.make_probes(Sum(), inputs, seed=8)
    known = {tuple(row) for row in inputs.tolist()}
    assert [tuple(row) in known for row in probes.inputs] == [True] * 48 + [False] * 16
    again = Probes.model_validate_json(probes.model_dump_json())
    sums = np.array(again.inputs, dtype=np.float32).sum(axis=1)
    np.testing.assert_allclose(sums[:, None], again.outputs, rtol=1e-6)


def test_a_graph_that_is_not_onnx_is_rejected(bundle, tmp_path):
    (bundle / ONNX).write_bytes(b"no graph")
    write_manifest(bundle, "test-1")
    with pytest.raises(ModelBundleError, match="cannot be run"):
        load(tmp_path)


def test_a_bundle_without_probes_is_rejected_with_the_way_out(bundle, tmp_path):
    manifest = json.loads((bundle / MANIFEST).read_text())
    del manifest["files"][PARITY]
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelBundleError, match=r"lacks parity\.json because .* run `ratecast train` again"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "changes", "fault"),
    [
        (
            PARITY,
            {"range": {"inputs": [[0.0], [1.0]], "outputs": [[0.0]]}},
            r"parity\.json is malformed: range: outputs must have one row for each of 2 inputs, got 1",
        ),
        (
            PARITY,
            {"range": {"inputs": [[0.0], [1.0, 2.0]], "outputs": [[0.0], [0.0]]}},
            "all rows of inputs, and all rows of outputs, must have the same length",
        ),
        (
            STATS,
            {"range_factor": {"exponent": 1.5, "t_statistic": 0.0, "gate": 3.0}},
            r"range_factor\.exponent must be at most 1",
        ),
        (STATS, {"intervals": {"80": {"3": 1.0}}}, "intervals must have the levels 80 and 95"),
        (
            STATS,
            {"intervals": {"80": {"5": 1.0}, "95": {"5": 1.0}}},
            "intervals must have the levels .* from 3 on",
        ),
        (STATS, {"default_pair": "EUR/XXX"}, "the default pair EUR/XXX is not among the pairs"),
        (STATS, {"trained_until": "2024"}, "trained_until must be an ISO 8601 date"),
        (STATS, {"trained_until": "2024-02-30"}, "trained_until must be a day of the calendar"),
        (
            STATS,
            {"intervals": {"80": {"3": 1.0}, "95": {"3": -1.0}}},
            r"intervals\.95\.3 must be at least 0, got -1",
        ),
        (STATS, {"pairs": 3}, r"training_stats\.json is malformed: pairs must be an object, got 3"),
        (
            STATS,
            {"intervals": {"80": {"3": 1.0}, "95": {"3": 1e999}}},
            r"intervals\.95\.3 must be a finite number",
        ),
    ],
)
def test_parts_that_do_not_fit_are_rejected(bundle, tmp_path, name, changes, fault):
    rewrite(bundle, name, **changes)
    with pytest.raises(ModelBundleError, match=fault):
        load(tmp_path)


@pytest.mark.parametrize("name", ["../../etc/hostname", "a\0b", "", "/etc/hostname"])
def test_a_manifest_that_names_a_path_is_rejected(bundle, tmp_path, name):
    manifest = json.loads((bundle / MANIFEST).read_text())
    manifest["files"][name] = "0" * 64
    (bundle / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelBundleError, match="files"):
        load(tmp_path)


def test_a_bundle_of_an_earlier_version_is_rejected_in_one_line_that_says_to_train_again(bundle, tmp_path):
    """Its forest forecasts the return, and its statistics lack the exponent of the ranges and the recent sigmas."""
    document = json.loads((bundle / STATS).read_text())
    del document["range_factor"]
    for pair in document["pairs"].values():
        del pair["recent_sigma"]
    (bundle / STATS).write_text(json.dumps(document))
    write_manifest(bundle, "test-1")
    with pytest.raises(ModelBundleError, match=r"run `ratecast train` again$") as raised:
        load(tmp_path)
    assert "\n" not in str(raised.value)


@pytest.fixture
def moving(tmp_path):
    """A bundle whose centre forest moves the forecast."""
    return write_bundle(tmp_path, shrinkage=0.5)


def test_a_bundle_that_moves_its_forecasts_has_the_graph_of_the_centre(moving, tmp_path):
    bundle = load(tmp_path)
    assert bundle.centre == (moving / CENTRE).read_bytes()
    assert bundle.centre != bundle.onnx


def test_a_bundle_with_lambda_0_has_no_graph_of_the_centre(bundle, tmp_path):
    assert load(tmp_path).centre is None


@pytest.mark.parametrize("lacking", ["graph", "probes"])
def test_a_bundle_that_moves_its_forecasts_but_cannot_is_rejected(moving, tmp_path, lacking):
    if lacking == "graph":
        (moving / CENTRE).unlink()
        write_manifest(moving, "test-1")
    else:
        rewrite(moving, PARITY, centre=None)
    with pytest.raises(
        ModelBundleError, match=r"test-1 is incomplete: centre\.onnx or its probes are missing"
    ):
        load(tmp_path)


def test_a_centre_that_gives_other_answers_than_its_forest_is_rejected(moving, tmp_path):
    (moving / CENTRE).write_bytes(centre_on_noise(seed=1)[0])
    write_manifest(moving, "test-1")
    with pytest.raises(ModelBundleError, match=r"test-1 is rejected: its ONNX model differs"):
        load(tmp_path)


def test_what_was_checked_is_what_is_used(bundle, tmp_path, monkeypatch):
    """The file is replaced between its check and any later look at it."""
    good = (bundle / ONNX).read_bytes()
    check = parity.check_probes

    def replaced(onnx, probes):
        (bundle / ONNX).write_bytes(b"replaced")
        check(onnx, probes)

    monkeypatch.setattr(parity, "check_probes", replaced)
    assert load(tmp_path).onnx == good


@pytest.mark.parametrize("content", [b"../elsewhere\n", b"\xff\xfe", b""])
def test_a_current_that_names_no_version_is_rejected(bundle, tmp_path, content):
    (tmp_path / CURRENT).write_bytes(content)
    with pytest.raises(ModelBundleError, match="current"):
        load(tmp_path)


def test_a_version_that_is_a_file_is_rejected(bundle, tmp_path):
    (tmp_path / "file").write_text("")
    set_current(tmp_path, "file")
    with pytest.raises(ModelBundleError, match="model file cannot be read"):
        load(tmp_path)
