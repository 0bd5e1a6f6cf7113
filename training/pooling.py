"""Selects the pairs that the common figures come from, so that a faulty pair does not affect the others.

The forest, lambda, the quantiles of the ranges and the common limits are fitted on all pairs together. This works
because pairs are alike in units of their own volatility: over the ECB's 20 default pairs, and at the end of every year
from 2001 to 2025, a pair's 80 % and 95 % quantiles of |return| / scale were 0.86 to 1.12 times the median pair's. A
pair is not pooled if one of its quantiles is more than ``FAR`` times the median or less than 1 / ``FAR`` of it: its
rates are mostly noise or faults. With one or two pairs the median means nothing, so the median of the ECB's pairs is
used. A pegged pair is not pooled either, because its returns are rounding. The share of returns that are exactly zero
was 0 to 3 % for the default pairs, 14 % for EUR/ISK (27 % since 2018), 15 % for EUR/LVL, 34 % for EUR/MTL, and 42 to
85 % for the pegs CYP, LTL and BGN.

A pair that is not pooled still gets forecasts, with its own volatility and the quantiles of the others.
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
# Quantiles of few rows are noisy: a 95 % quantile of 100 rows varies by 17 %, one of 500 rows by 8 %.
FAR_OF_FEW, FEW_ROWS = 2.0, 500
LEAST_ROWS = 100  # with fewer rows a pair is always pooled
LEAST_PAIRS = 3  # if two pairs differ, their median cannot show which one is unusual
TYPICAL = {"80": 1.24, "95": 2.10}  # the median of the ECB's 20 default pairs, 1999 to 2026
PEGGED = 0.4  # share of returns that are zero


def not_pooled(rows: Rows, pairs: int, least_rows: int) -> dict[int, str]:
    """Returns the positions of pairs to leave out of the pool, and why; none if too few rows would be left.

    Args:
        rows: rows of all pairs.
        pairs: number of pairs.
        least_rows: number of rows that must be left in the pool.
    """
    found = unusual_pairs(rows, pairs)
    return found if int((~np.isin(rows.pair, list(found))).sum()) >= least_rows else {}


def unusual_pairs(rows: Rows, pairs: int) -> dict[int, str]:
    """Returns the positions of pairs that are pegged or far from the others, and why."""
    found: dict[int, str] = {}
    quantiles: dict[int, NDArray[np.float64]] = {}
    counts = np.bincount(rows.pair, minlength=pairs)
    for position in np.flatnonzero(counts >= LEAST_ROWS).tolist():
        of_pair = rows.where(rows.pair == position)
        still = float(np.mean(of_pair.target == 0))
        if still > PEGGED:
            found[position] = f"pegged: {100 * still:.0f} % of its returns are zero"
        else:
            sizes = np.abs(of_pair.target)[:, None] / of_pair.scales
            quantiles[position] = np.array(
                [np.quantile(sizes[:, column], int(level) / 100) for column, level in enumerate(LEVELS)]
            )
    return dict(sorted((found | _far(quantiles, counts)).items()))


def _far(quantiles: Mapping[int, NDArray[np.float64]], counts: NDArray[np.intp]) -> dict[int, str]:
    few = len(quantiles) < LEAST_PAIRS
    median = [TYPICAL[level] for level in LEVELS] if few else np.median(list(quantiles.values()), axis=0)
    found: dict[int, str] = {}
    for position, of_pair in quantiles.items():
        ratios = of_pair / median
        bound = FAR if counts[position] >= FEW_ROWS else FAR_OF_FEW
        level = int(np.argmax(np.abs(np.log(np.maximum(ratios, 1e-9)))))
        if not 1 / bound <= ratios[level] <= bound:
            found[position] = (
                f"far from {'free pairs' if few else 'the other pairs'}: the {LEVELS[level]} % quantile of its returns, "
                f"in units of its volatility, is {ratios[level]:.2f} times the median pair's"
            )
    return found


def sentences(histories: Sequence[PairHistory], rows: Rows, left_out: Mapping[int, str]) -> tuple[str, ...]:
    """Returns a sentence on each unusual pair.

    Args:
        histories: the pairs.
        rows: rows of all pairs.
        left_out: result of `not_pooled`.
    """
    if left_out:
        effect = "It gets forecasts, but the forest, the common quantiles and the common limits are fitted without it."
    else:
        effect = "It was used all the same, as too few rates would be left. Its figures may not apply to other pairs."
        left_out = unusual_pairs(rows, len(histories))
    return tuple(f"{histories[i].pair} is {reason}. {effect}" for i, reason in left_out.items())
