"""The returns over several steps that followed the history of each row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.dataset import PairHistory, Rows


def horizon_returns(histories: Sequence[PairHistory], rows: Rows, steps: int) -> NDArray[np.float64]:
    """Returns the log return over ``steps`` steps from the newest rate of each row's history, ``(n,)``.

    Rows of following days overlap. It is NaN where the stretch without gaps ends before so many steps.

    Args:
        histories: the pairs that the rows were built from.
        rows: n rows.
        steps: number of steps, 1 or more; 1 gives the target of the rows.
    """
    result = np.full(len(rows), np.nan)
    for position, history in enumerate(histories):
        of_pair = np.flatnonzero(rows.pair == position)
        days = rows.date[of_pair]
        for stretch in history.stretches:
            logs = np.log(stretch.rates)
            first = np.searchsorted(stretch.dates, days)  # place of each row's next rate in the stretch
            last = first + steps - 1
            inside = np.flatnonzero((first > 0) & (last < len(logs)))
            inside = inside[stretch.dates[first[inside]] == days[inside]]
            result[of_pair[inside]] = logs[last[inside]] - logs[first[inside] - 1]
    return result
