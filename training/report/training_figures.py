"""The figures of the training report, as data URIs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.figures import (
    BLUE,
    ORANGE,
    blank_figure,
    data_uri,
    legend_above,
    limits_around_one,
    plot_coverage,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from training.evaluate import Metrics, Outcomes

FAN_DAYS = 120


def fan(outcomes: Outcomes, pairs: Mapping[str, int]) -> str:
    """Draws the ranges forecast for the last months and the actual rates, one panel for each pair.

    Args:
        outcomes: results on the test days.
        pairs: name -> position in ``outcomes.pair``.
    """
    figure = blank_figure(9.6, 2.5 * len(pairs), layout="constrained")
    axes = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
    for axis, (name, position) in zip(axes, pairs.items(), strict=True):
        rows = outcomes.where(outcomes.pair == position)
        tail = rows.where(np.arange(len(rows.date)) >= len(rows.date) - FAN_DAYS)
        centre = tail.last * np.exp(tail.step * tail.scale)
        for column, alpha in ((1, 0.18), (0, 0.32)):
            half = np.exp(tail.half[:, column] * tail.scale)
            label = f"{LEVELS[column]} % range, forecast one step ahead"
            axis.fill_between(
                tail.date, centre / half, centre * half, color=BLUE, alpha=alpha, lw=0, label=label
            )
        actual = tail.last * np.exp(tail.actual * tail.scale)
        axis.plot(tail.date, actual, ".-", color="black", lw=0.7, ms=2.5, label="actual rate")
        axis.set_title(name, loc="left", fontsize=10, fontweight="bold")
        axis.margins(x=0.01)
    legend_above(axes[0], 3)
    return data_uri(figure)


def error_ratios(pairs: Mapping[str, Metrics]) -> str:
    """Draws the MAE ratio of each pair, of the forecast and of the forest alone; the last rate is the line at 1."""
    names = sorted(pairs, key=lambda name: pairs[name].forest_mae_ratio, reverse=True)
    figure = blank_figure(9.6, 1.3 + 0.24 * len(names), layout="constrained")
    axis = figure.subplots()
    axis.axvline(1.0, color="black", lw=1.2, label="last rate used as forecast")
    where = np.arange(len(names))
    forest = [pairs[name].forest_mae_ratio for name in names]
    model = [pairs[name].mae_ratio for name in names]
    axis.plot(forest, where, "o", color=ORANGE, ms=5, label="forest alone")
    axis.plot(model, where, "D", color=BLUE, ms=4, label="the model's forecast")
    axis.set_yticks(where, names)
    axis.set_xlim(*limits_around_one(forest + model, 0.002))
    axis.set_xlabel("mean absolute error / error of the last rate (left of the line is better)", fontsize=8)
    axis.ticklabel_format(axis="x", useOffset=False)
    axis.grid(axis="y", lw=0.3)
    legend_above(axis, 3)
    return data_uri(figure)


def coverage(years: Mapping[int, Metrics]) -> str:
    """Draws the share of rates inside each range by year; the dashed lines are the shares that the ranges promise."""
    figure = blank_figure(9.6, 3.4, layout="constrained")
    axis = figure.subplots()
    labels = sorted(years)
    percent = 100 * np.array([[years[year].coverage[level] for level in LEVELS] for year in labels])
    plot_coverage(axis, labels, percent, marker="o")
    axis.set_xticks(labels)
    axis.set_ylim(min(70.0, axis.get_ylim()[0]), 100)
    axis.set_ylabel("% of next rates inside", fontsize=8)
    legend_above(axis, 2)
    return data_uri(figure)
