"""The tables of results: a column for each figure, without those that are equal in every row."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from training.evaluate import Metrics

DASH = "\u2013"  # also stands where there is no figure


@dataclass(frozen=True)
class Column:
    """A column: the heading over a group of columns, its own, what it means, and how a cell is written."""

    group: str
    heading: str
    meaning: str
    cell: Callable[[Metrics], str]


@dataclass(frozen=True)
class ResultsTable:
    """The columns shown, their cells, and what the columns left out would have shown.

    Attributes:
        columns: the columns with different figures.
        total: cells of the row of all forecasts.
        rows: name of a row -> its cells.
        left_out: a phrase for each column that is equal in every row.
    """

    columns: tuple[Column, ...]
    total: tuple[str, ...]
    rows: dict[str, tuple[str, ...]]
    left_out: tuple[str, ...]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """Headings over the columns, and how many columns each is over."""
        return [(name, len(list(found))) for name, found in groupby(self.columns, lambda c: c.group)]

    @property
    def starts(self) -> set[int]:
        """Positions of the first column of each group."""
        return {
            place
            for place, column in enumerate(self.columns)
            if place and column.group != self.columns[place - 1].group
        }


def results_table(total: Metrics, rows: Mapping[str, Metrics]) -> ResultsTable:
    """Returns the table of some results.

    Args:
        total: results of all forecasts.
        rows: name of a row -> its results; at least one.
    """
    shown, left_out = [], []
    for column in COLUMNS:
        cells = {column.cell(metrics) for metrics in rows.values()}
        if cells == {DASH} or (len(rows) > 1 and len(cells) == 1):
            left_out.append(_phrase(column, cells.pop()))
        else:
            shown.append(column)
    return ResultsTable(
        columns=tuple(shown),
        total=tuple(column.cell(total) for column in shown),
        rows={name: tuple(column.cell(metrics) for column in shown) for name, metrics in rows.items()},
        left_out=tuple(left_out),
    )


def meanings(tables: Sequence[ResultsTable]) -> list[tuple[str, str]]:
    """Returns what the columns of some tables mean, by group or heading, each once."""
    found: dict[str, str] = {}
    for column in COLUMNS:
        if any(column in table.columns for table in tables):
            found.setdefault(_name(column), column.meaning)
    return list(found.items())


def _name(column: Column) -> str:
    """Returns the name that a meaning has: columns of levels share theirs."""
    return column.group if column.heading[:2] in LEVELS else column.heading


def _phrase(column: Column, cell: str) -> str:
    name = f"{column.group} {column.heading}" if column.heading[:2] in LEVELS else column.heading
    return f"{name} {'has no figure' if cell == DASH else cell}"


def _number(value: float | None, form: str) -> str:
    return DASH if value is None else format(value, form)


def _by_level(group: str, meaning: str, cell: Callable[[Metrics, str], str]) -> list[Column]:
    return [
        Column(group, f"{level} %", meaning, lambda metrics, level=level: cell(metrics, level))  # type: ignore[misc]
        for level in LEVELS
    ]


def _direction(metrics: Metrics) -> str:
    found = metrics.direction
    if found is None:
        return DASH
    return f"{100 * found.correct:.1f} ({100 * found.low:.1f}{DASH}{100 * found.high:.1f})"


COLUMNS = (
    Column("", "forecasts", "Number of rates forecast.", lambda m: f"{m.n:,}"),
    *_by_level(
        "inside the range, %",
        "Share of next rates inside the range. It should match the number above the column.",
        lambda m, level: f"{100 * m.coverage[level]:.1f}",
    ),
    *_by_level(
        "typical width, ± %",
        "How far the bounds are from the forecast on the middle one of all days, in percent of the forecast.",
        lambda m, level: f"{100 * m.width[level]:.2f}",
    ),
    *_by_level(
        "score to constant width",
        "Winkler score of the range divided by that of a range with the same width every day. The score adds the width and "
        "a penalty for misses, so below 1 is better.",
        lambda m, level: _number(m.winkler_ratio[level], ".3f"),
    ),
    *_by_level(
        "score to volatility alone",
        "The same, divided by the score of a range that only follows the recent volatility: what the forest, or the estimator in its place, adds.",
        lambda m, level: _number(m.winkler_base_ratio[level], ".4f"),
    ),
    Column(
        "forecast and last rate",
        "MAE ratio",
        "Mean absolute error divided by the error of using the last rate as forecast. Below 1 is better than the last rate.",
        lambda m: f"{m.mae_ratio:.4f}",
    ),
    Column(
        "forecast and last rate",
        "MSE skill",
        "1 minus the same ratio of mean squared errors. Above 0 is better than the last rate.",
        lambda m: f"{m.mse_skill:+.4f}",
    ),
    Column(
        "forecast and last rate",
        "p-value",
        "One-sided Diebold-Mariano test of absolute errors, small when the forecast is clearly better than the last rate. "
        "It has no figure if the forecast is the last rate.",
        lambda m: _number(m.diebold_mariano.p_value if m.diebold_mariano else None, ".3f"),
    ),
    Column(
        "without lambda",
        "MAE ratio without lambda",
        "MAE ratio of what the forest, or the estimator in its place, would forecast without lambda, which weighs it against the last rate.",
        lambda m: f"{m.forest_mae_ratio:.4f}",
    ),
    Column(
        "without lambda",
        "right direction, %",
        "How often that forecast predicted whether the rate rises or falls, with its 95 % interval (Wilson). It has "
        "learned something only where the interval is above the share of the commoner direction.",
        _direction,
    ),
    Column(
        "without lambda",
        "commoner direction, %",
        "Share of the direction that the rate took more often.",
        lambda m: _number(100 * m.direction.majority if m.direction else None, ".1f"),
    ),
)
