"""Draws the distribution of a pair's newest returns over that of training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.features import FEATURE_NAMES
from ratecast.model.references import WINDOW_MESSAGES
from training.drift_report.figure_style import write_instead
from training.drift_report.figures import BLUE, RED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from training.drift_report.pair_report import PairReport

DENSITY_BINS = 20


def draw_returns(axis: Axes, pair: PairReport) -> None:
    """Draw the distribution of the newest returns over that of training, in the bins of training."""
    axis.set_title("returns, %", fontsize=9, loc="left")
    reference, stats = pair.references.get("return_1"), pair.stats.features["return_1"]
    rows = np.flatnonzero(pair.kept)[-WINDOW_MESSAGES:]
    if reference is None or not len(rows):
        write_instead(
            axis, "the model has no reference" if reference is None else "no message without an alert"
        )
        return
    values = pair.messages.features[rows, FEATURE_NAMES.index("return_1")]
    edges, training = merged_bins(np.array(reference.edges), np.array(reference.counts), stats.min, stats.max)
    now = np.histogram(values, edges)[0]
    beyond = len(values) - int(now.sum())
    widths = np.diff(edges)
    axis.stairs(
        training / training.sum() / widths,
        100 * edges,
        fill=True,
        color="#bbbbbb",
        label="training",
    )
    axis.stairs(now / len(values) / widths, 100 * edges, color=BLUE, lw=1.5, label=f"newest {len(values):,}")
    # The outermost bins reach to the largest return of training: the inner ones would be too narrow to see.
    reach = 100 * 1.6 * max(abs(edges[1]), abs(edges[-2]))
    axis.set_xlim(-reach, reach)
    axis.set_yticks([])
    axis.set_ylim(0, 1.35 * axis.get_ylim()[1])
    if beyond:
        text = f"{beyond:,} outside\nthe training range"
        axis.text(0.02, 0.6, text, transform=axis.transAxes, fontsize=7, color=RED)
    axis.legend(frameon=False, fontsize=7, loc="upper right")


def merged_bins(
    edges: NDArray[np.float64], counts: NDArray[np.int64], low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Returns the edges and counts of training's bins, with neighbours merged to about `DENSITY_BINS`.

    The first and the last bin of a reference are open. They are closed at the smallest and the largest value of
    training.

    Args:
        edges: of the reference, ``(b - 1,)``.
        counts: of the reference, ``(b,)``.
        low: smallest value of training.
        high: largest value of training.

    >>> bins = merged_bins(np.array([-1.0, 0.0, 1.0]), np.array([1, 4, 4, 1]), -3.0, 2.0)
    >>> bins[0].tolist(), bins[1].tolist()
    ([-3.0, -1.0, 0.0, 1.0, 2.0], [1, 4, 4, 1])
    """
    step = max(1, round(len(counts) / DENSITY_BINS))
    # The outermost bins are not merged: they are the tails.
    starts = np.unique(np.concatenate(([0], np.arange(1, len(counts) - 1, step), [len(counts) - 1])))
    inner = edges[starts[1:] - 1]
    span = max(abs(low), abs(high), 1e-12)
    closed = np.concatenate(([min(low, inner[0] - 1e-6 * span)], inner, [max(high, inner[-1] + 1e-6 * span)]))
    return closed, np.add.reduceat(counts, starts)
