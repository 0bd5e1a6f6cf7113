"""What turned one rate into another: a slipped decimal point, a quote the wrong way round. Pure."""

from __future__ import annotations

import math

from ratecast.contract.alerts import Alert

_LN10 = math.log(10)
_MOST_ZEROS = 12


def name_step(before: float, newest: float, steps: int, tolerance: float) -> tuple[Alert, str] | None:
    """Name a step of the level; None when it looks like nothing in particular.

    Args:
        before: the rate before the step.
        newest: the newest rate.
        steps: how many steps later that is, 1 for the very next.
        tolerance: how far the log of a right rate may have gone meanwhile.

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
    # A pair near 1 is its own inverse: then nothing was inverted.
    inverse = abs(math.log(newest) + math.log(before)) if abs(offset) > 2 * tolerance else math.inf
    if min(slip, inverse) > tolerance:
        return None
    that_rate = "the previous rate" if steps == 1 else f"the rate {steps} steps before"
    if slip <= inverse:
        # Numbers of any message: 600 zeros are no words.
        size = f"{10 ** abs(power):,}" if abs(power) <= _MOST_ZEROS else f"1e{abs(power)}"
        times = size if power > 0 else f"1/{size}"
        return Alert.DECIMAL_SLIP, f"decimal slip: {times} times {that_rate}"
    return Alert.INVERTED_QUOTE, f"inverted quote: {newest:.6g} is about 1 / {before:.6g}, {that_rate}"
