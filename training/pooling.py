"""Which pairs the common figures come from: one pair's fault must not reach the others.

The forest, lambda, the quantiles of the ranges and the common limits are learnt from all pairs together. In units of
its own volatility one free pair is like another: over the ECB's 20 default pairs, and at the end of every year from
2001 to 2025, a pair's 80 % and 95 % quantiles of |return| / scale were 0.86 to 1.12 times the median pair's. So a pair
whose quantiles are more than ``FAR`` times the median, or less than one ``FAR``-th, is not pooled: its rates are mostly
noise, or faults. Of one or two pairs the median says nothing: they are held to that of the ECB's. A pegged pair, whose
returns are rounding, is not pooled either. Returns of exactly zero were 0 to 3 % of a default pair's, 14 % of EUR/ISK's
(27 % since 2018), 15 % of EUR/LVL's, 34 % of EUR/MTL's, and 42 to 85 % of those of the pegs CYP, LTL and BGN.

A pair that is not pooled is served all the same, with its own volatility and the others' quantiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from training.dataset import PairHistory, Rows

FAR = 1.25
# Quantiles of few rows are noisy: a 95 % quantile of 100 rows strays by 17 %, of 500 by 8 %.
FAR_OF_FEW, FEW_ROWS = 2.0, 500
LEAST_ROWS = 100  # fewer say nothing
LEAST_PAIRS = 3  # of two that differ, the median cannot tell which is the odd one
TYPICAL = {"80": 1.24, "95": 2.10}  # the median of the ECB's 20 default pairs, 1999 to 2026
PEGGED = 0.4  # share of returns that are zero


def not_pooled(rows: Rows, pairs: int, least_rows: int) -> dict[int, str]:
    """Positions of pairs to leave out of the pool, and why; none where too few rows would be left.

    Args:
        rows: of all pairs.
        pairs: how many there are.
        least_rows: that the pool must hold.
    """
    found = unlike_the_others(rows, pairs)
    return found if int((~np.isin(rows.pair, list(found))).sum()) >= least_rows else {}


def unlike_the_others(rows: Rows, pairs: int) -> dict[int, str]:
    """Positions of pairs that are pegged or far from the others, and why, whatever would be left."""
    found: dict[int, str] = {}
    quantiles: dict[int, NDArray[np.float64]] = {}
    counts = np.bincount(rows.pair, minlength=pairs)
    for position in np.flatnonzero(counts >= LEAST_ROWS).tolist():
        own = rows.where(rows.pair == position)
        still = float(np.mean(own.target == 0))
        if still > PEGGED:
            found[position] = f"pegged: {100 * still:.0f} % of its returns are zero"
        else:
            sizes = np.abs(own.target)[:, None] / own.scales
            quantiles[position] = np.array(
                [np.quantile(sizes[:, column], int(level) / 100) for column, level in enumerate(LEVELS)]
            )
    return dict(sorted((found | _far(quantiles, counts)).items()))


def _far(quantiles: Mapping[int, NDArray[np.float64]], counts: NDArray[np.intp]) -> dict[int, str]:
    few = len(quantiles) < LEAST_PAIRS
    median = [TYPICAL[level] for level in LEVELS] if few else np.median(list(quantiles.values()), axis=0)
    found: dict[int, str] = {}
    for position, own in quantiles.items():
        ratios = own / median
        bound = FAR if counts[position] >= FEW_ROWS else FAR_OF_FEW
        level = int(np.argmax(np.abs(np.log(np.maximum(ratios, 1e-9)))))
        if not 1 / bound <= ratios[level] <= bound:
            found[position] = (
                f"far from {'free pairs' if few else 'the other pairs'}: the {LEVELS[level]} % quantile of its returns, "
                f"in units of its volatility, is {ratios[level]:.2f} times the median pair's"
            )
    return found


def sentences(histories: Sequence[PairHistory], rows: Rows, left_out: Mapping[int, str]) -> tuple[str, ...]:
    """Each pair that is unlike the others, in a sentence.

    Args:
        histories: the pairs.
        rows: of all of them.
        left_out: of `not_pooled`.
    """
    if left_out:
        what = "It is served, but the forest and the common quantiles and limits are learnt without it."
    else:
        what = "Without it there are too few rates to learn from: figures of such a pair say little of one that moves."
        left_out = unlike_the_others(rows, len(histories))
    return tuple(f"{histories[i].pair} is {reason}. {what}" for i, reason in left_out.items())
