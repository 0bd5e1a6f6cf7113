"""An estimator that cannot be served is refused before the long work, in one line."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import Lasso, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from ratecast.errors import UsageError
from training import estimator_trial, train
from training.bounded_regressor import BoundedRegressor
from training.chosen_estimators import CENTRE, WIDTH, ChosenEstimator
from training.dataset import build_rows, pair_sigmas
from training.estimator_trial import try_estimators
from training.forests import ForestSettings
from training.onnx_export import export_onnx
from training.train_options import TrainOptions


class Changed(Ridge):
    """Its predictions go through a function."""

    def __init__(self, alpha=1.0, change=None):
        super().__init__(alpha)
        self.change = change

    def predict(self, X):
        return self.change(super().predict(X))


def one_column(values):
    return values[:, 0]


def not_finite(values):
    return np.where(np.arange(len(values))[:, None] == 7, np.nan, values)


def fails(values):
    raise RuntimeError(f"no {len(values)}")


def chosen(estimator, purpose=WIDTH):
    return ChosenEstimator(purpose, "mine:make", "", estimator)


@pytest.fixture(scope="module")
def rows(invent):
    histories = invent(400)[:2]
    return build_rows(histories, pair_sigmas(histories))


def fault(rows, estimator, purpose=WIDTH):
    name = "range_estimator" if purpose is WIDTH else "centre_estimator"
    with pytest.raises(UsageError) as refused:
        try_estimators(ForestSettings(**{name: chosen(estimator, purpose)}), rows)
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith(f"{purpose.option} mine:make: ")
    return text.removeprefix(f"{purpose.option} mine:make: ")


@pytest.mark.parametrize(
    ("estimator", "reason"),
    [
        (
            Ridge(alpha=-1),
            "it cannot be fitted to 678 rows: InvalidParameterError: The 'alpha' parameter of Ridge must be",
        ),
        (Changed(change=one_column), r"its output has the shape (678,), it must be (678, 2)"),
        (Changed(change=not_finite), "its output is not finite for some inputs"),
        (
            Changed(change=np.negative),
            "its output is 0 or less for 678 of 678 training rows, but a width is positive",
        ),
        (Changed(change=fails), "it cannot predict: RuntimeError: no 678"),
        (DummyRegressor(), "it cannot be converted to ONNX: MissingShapeCalculator: Unable to find a shape"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(rows, estimator, reason):
    assert fault(rows, estimator).startswith(reason)


def test_a_centre_has_one_output(rows):
    assert fault(rows, Changed(change=lambda values: np.stack([values, values], 1)), CENTRE) == (
        "its output has the shape (678, 2), it must be (678, 1)"
    )


def test_a_graph_that_differs_is_refused(rows, monkeypatch):
    other = BoundedRegressor(Ridge().fit(rows.range_inputs, 1 + np.abs(rows.range_inputs[:, :2])), (0.2, 4.0))
    monkeypatch.setattr(estimator_trial, "export_onnx", lambda _, inputs: export_onnx(other, inputs))
    assert "the ONNX graph differs from the model by" in fault(rows, Lasso(alpha=0.1))


def test_what_cannot_be_saved_is_refused(rows):
    unnamed = make_pipeline(SelectKBest(lambda X, _: np.arange(X.shape[1]), k=5), Lasso(alpha=0.1))
    assert fault(rows, unnamed).startswith("it cannot be saved: ")


@pytest.mark.parametrize(
    "estimator", [Lasso(alpha=0.1), DecisionTreeRegressor(max_depth=3), make_pipeline(Lasso(alpha=0.1))]
)
@pytest.mark.parametrize("purpose", [WIDTH, CENTRE])
def test_what_can_be_served_passes(rows, estimator, purpose):
    name = "range_estimator" if purpose is WIDTH else "centre_estimator"
    try_estimators(ForestSettings(**{name: chosen(estimator, purpose)}), rows)


def test_training_tries_before_it_evaluates(invent, write_csv, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "_evaluate", lambda *_: pytest.fail("it began the long work"))
    bad = ForestSettings(range_estimator=chosen(TransformedTargetRegressor(DummyRegressor())))
    options = TrainOptions(models_dir=tmp_path / "models", csv=write_csv(invent(300)[:1]), forest=bad)
    with pytest.raises(UsageError, match="it cannot be converted to ONNX"):
        train.train(options)
    assert not options.models_dir.exists()
