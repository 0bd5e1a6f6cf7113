"""A model of your own for the width of the ranges: ridge regression on the inputs, their squares and their products.

Use it from the folder above this one:

    ratecast backtest --estimator examples.ridge_on_squares:make --split 2020
    ratecast train --estimator examples.ridge_on_squares:make
"""

from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler


def make() -> Pipeline:
    """Returns an unfitted estimator: 11 inputs (`ratecast.model.range_inputs`), 2 outputs (80 % and 95 %)."""
    return make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), Ridge(alpha=100.0))
