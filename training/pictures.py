"""The report's pictures, as data URIs: no file beside the page, nothing to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS
from training.pages import data_uri, paper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from training.evaluate import Metrics, Outcomes

FAN_DAYS = 120
_BLUE, _ORANGE, _GREY = "#1f5fa8", "#c8540a", "#666666"


def fan(outcomes: Outcomes, pairs: Mapping[str, int]) -> str:
    """Forecast ranges of the last months and the rates that came, a panel a pair.

    Args:
        outcomes: of the test days.
        pairs: name -> position in ``outcomes.pair``.
    """
    figure = paper(9.6, 2.5 * len(pairs), layout="constrained")
    axes = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
    for axis, (name, position) in zip(axes, pairs.items(), strict=True):
        rows = outcomes.where(outcomes.pair == position)
        tail = rows.where(np.arange(len(rows.date)) >= len(rows.date) - FAN_DAYS)
        centre = tail.last * np.exp(tail.step * tail.scale)
        for column, alpha in ((1, 0.18), (0, 0.32)):
            half = np.exp(tail.half[:, column] * tail.scale)
            label = f"{LEVELS[column]} % range, made the day before"
            axis.fill_between(
                tail.date, centre / half, centre * half, color=_BLUE, alpha=alpha, lw=0, label=label
            )
        actual = tail.last * np.exp(tail.actual * tail.scale)
        axis.plot(tail.date, actual, ".-", color="black", lw=0.7, ms=2.5, label="rate that came")
        axis.set_title(name, loc="left", fontsize=10, fontweight="bold")
        axis.margins(x=0.01)
    axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=8)
    return data_uri(figure, _GREY)


def error_ratios(pairs: Mapping[str, Metrics]) -> str:
    """MAE ratio of each pair, served and of the forest alone; the random walk is the line at 1."""
    names = sorted(pairs, key=lambda name: pairs[name].forest_mae_ratio, reverse=True)
    figure = paper(9.6, 1.3 + 0.24 * len(names), layout="constrained")
    axis = figure.subplots()
    axis.axvline(1.0, color="black", lw=1.2, label="random walk: the last rate")
    where = np.arange(len(names))
    forest = [pairs[name].forest_mae_ratio for name in names]
    served = [pairs[name].mae_ratio for name in names]
    axis.plot(forest, where, "o", color=_ORANGE, ms=5, label="forest alone")
    axis.plot(served, where, "D", color=_BLUE, ms=4, label="served forecast")
    axis.set_yticks(where, names, fontsize=8)
    reach = max(0.002, 1.15 * float(np.abs(np.array(forest + served) - 1).max()))
    axis.set_xlim(1 - reach, 1 + reach)
    axis.set_xlabel("mean absolute error / that of the last rate (left of the line is better)")
    axis.ticklabel_format(axis="x", useOffset=False)
    axis.grid(axis="y", lw=0.3)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=8)
    return data_uri(figure, _GREY)


def coverage(years: Mapping[int, Metrics]) -> str:
    """Share of rates inside their range, year by year; the dashed lines are what the ranges claim."""
    figure = paper(9.6, 3.4, layout="constrained")
    axis = figure.subplots()
    labels: Sequence[int] = sorted(years)
    for level, colour in zip(LEVELS, (_ORANGE, _BLUE), strict=True):
        shares = [100 * years[year].coverage[level] for year in labels]
        axis.plot(labels, shares, "o-", color=colour, ms=4, lw=1.2, label=f"{level} % range")
        axis.axhline(int(level), color=colour, lw=1, ls="--")
    axis.set_xticks(labels)
    axis.set_ylim(min(70.0, axis.get_ylim()[0]), 100)
    axis.set_ylabel("% of next rates inside")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=8)
    return data_uri(figure, _GREY)
