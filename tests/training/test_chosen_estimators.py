"""A name becomes an estimator, or one line says why not."""

from __future__ import annotations

import sys
import uuid

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from ratecast.errors import UsageError
from training.chosen_estimators import CENTRE, WIDTH, choose, description

SOURCE = """
from sklearn.cluster import KMeans
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

def trees(): return ExtraTreesRegressor(5)
def single(): return make_pipeline(GradientBoostingRegressor(n_estimators=3))
def classifier(): return LogisticRegression()
def clusters(): return KMeans()
def needs_more(alpha): return Ridge(alpha)
def a_class(): return Ridge
def nothing(): return None
def fails(): raise RuntimeError("first line\\nsecond line")
number = 3
"""


@pytest.fixture
def write_module(tmp_path, monkeypatch):
    """Write a module of the user into the current directory; returns its name, which no other test uses."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def _write(source=SOURCE, name=None):
        name = name or f"mine_{uuid.uuid4().hex}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return _write


def fault(name, purpose=WIDTH):
    with pytest.raises(UsageError) as refused:
        choose(purpose, name)
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith(f"{purpose.option} {name}: ")
    return text.removeprefix(f"{purpose.option} {name}: ")


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        (
            "classifier",
            "it returned a LogisticRegression, which is no scikit-learn regressor or pipeline of one",
        ),
        ("clusters", "it returned a KMeans, which is no scikit-learn regressor or pipeline of one"),
        ("a_class", "it returned the class Ridge, which is no scikit-learn regressor or pipeline of one"),
        ("nothing", "it returned a NoneType, which is no scikit-learn regressor or pipeline of one"),
        ("number", "number is no callable, it must return an estimator when it is called"),
        ("fails", "calling it failed: RuntimeError: first line second line"),
        (
            "needs_more",
            "calling it failed: TypeError: needs_more() missing 1 required positional argument: 'alpha'",
        ),
    ],
)
def test_what_is_no_maker_of_a_regressor_is_refused_with_the_reason(write_module, attribute, reason):
    assert fault(f"{write_module()}:{attribute}") == reason


def test_what_cannot_be_imported_is_refused_with_the_reason(write_module, tmp_path):
    name = write_module()
    assert fault(f"{name}:other") == f"{tmp_path / name}.py has no other"
    assert fault("no_such_module:make") == f"there is no module no_such_module in {tmp_path} or on PYTHONPATH"
    assert "no module " in fault(f"{name}.deeper:make")
    broken = write_module("import no_such_library\n")
    assert fault(f"{broken}:make") == (
        "importing it failed: ModuleNotFoundError: No module named 'no_such_library'"
    )
    wrong = write_module("def make(:\n")
    assert fault(f"{wrong}:make").startswith("importing it failed: SyntaxError: ")
    for malformed in ("module", "module:", ":make", "a/b.py:make"):
        assert fault(malformed) == "write package.module:make, or forest for the forest"


@pytest.mark.parametrize("name", ["training", "json", "sklearn"])
def test_a_file_of_the_user_never_hides_another_module_and_that_is_said(write_module, tmp_path, name):
    loaded = sys.modules[name]
    write_module(name=name)
    assert fault(f"{name}:make") == f"{loaded.__file__} hides {tmp_path / name}.py: rename yours"
    assert sys.modules[name] is loaded


def test_a_single_output_is_fitted_once_for_each_level(write_module):
    name = f"{write_module()}:single"
    inputs = np.random.default_rng(0).normal(size=(80, 11)).astype(np.float32)
    width, centre = choose(WIDTH, name), choose(CENTRE, name)
    assert width.fit(inputs, np.abs(inputs[:, :2]).astype(float), 0).predict(inputs).shape == (80, 2)
    assert centre.fit(inputs[:, :3], inputs[:, 0].astype(float), 0).predict(inputs[:, :3]).shape == (80, 1)


def test_a_fit_can_be_repeated_and_uses_the_seed(write_module):
    chosen = choose(WIDTH, f"{write_module()}:trees")
    inputs = np.random.default_rng(0).normal(size=(200, 11)).astype(np.float32)
    wanted = np.abs(inputs[:, :2]).astype(float)
    first, again, other = (chosen.fit(inputs, wanted, seed).predict(inputs + 0.1) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_outputs_are_kept_within_bounds():
    chosen = choose(WIDTH, "sklearn.linear_model:Ridge")
    inputs = np.linspace(-20, 20, 50, dtype=np.float32)[:, None]
    found = chosen.fit(inputs, np.repeat(inputs.astype(float), 2, axis=1), 0).predict(inputs)
    assert (found.min(), found.max()) == WIDTH.bounds


def test_the_description_depends_on_parameters_and_not_on_addresses():
    assert description(Ridge(alpha=1.0)) == description(Ridge(alpha=1.0)) != description(Ridge(alpha=2.0))
    assert "0x" not in description(Ridge(alpha=np.mean))


@pytest.mark.parametrize("name", [None, "forest"])
def test_forest_is_the_default(name):
    assert choose(WIDTH, name) is None
