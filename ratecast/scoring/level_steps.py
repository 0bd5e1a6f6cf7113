"""Recognises steps between two rates that are a slipped decimal point or an inverted quote. Pure."""

from __future__ import annotations

import math

from ratecast.contract.alerts import Alert

_LN10 = math.log(10)
_MOST_ZEROS = 12


def name_step(before: float, newest: float, steps: int, tolerance: float) -> tuple[Alert, str] | None:
    """Return the alert for a step of the level and its text; None if it is neither a slip nor an inversion.

    Args:
        before: the rate before the step.
        newest: the newest rate.
        steps: number of steps from the first rate to the newest.
        tolerance: how far the log of a correct rate may have moved in these steps.

    >>> name_step(0.85, 85.2, 1, 0.04)
    (<Alert.DECIMAL_SLIP: 'decimal_slip'>, 'decimal slip: 100 times the previous rate')
    >>> name_step(160.0, 0.00624, 3, 0.04)[1]
    'inverted quote: 0.00624 is about 1 / 160, the rate 3 steps before'
    >>> name_step(0.85, 0.85e-300, 1, 0.04)[1]
    'decimal slip: 1/1e300 times the previous rate'
    >>> name_step(0.85, 1.3, 1, 0.04)
    """
    offset = math.log(newest) - math.log(before)
    power = round(offset / _LN10)
    slip = abs(offset - power * _LN10) if power else math.inf
    # The inverse of a rate near 1 is near 1 as well, so a small step is no inversion.
    inverse = abs(math.log(newest) + math.log(before)) if abs(offset) > 2 * tolerance else math.inf
    if min(slip, inverse) > tolerance:
        return None
    that_rate = "the previous rate" if steps == 1 else f"the rate {steps} steps before"
    if slip <= inverse:
        # A message may contain any numbers, and nobody wants to read 600 zeros.
        size = f"{10 ** abs(power):,}" if abs(power) <= _MOST_ZEROS else f"1e{abs(power)}"
        times = size if power > 0 else f"1/{size}"
        return Alert.DECIMAL_SLIP, f"decimal slip: {times} times {that_rate}"
    return Alert.INVERTED_QUOTE, f"inverted quote: {newest:.6g} is about 1 / {before:.6g}, {that_rate}"
