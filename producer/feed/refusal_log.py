"""Logs and counts what is not taken, once each: most answers of a source contain the same days again."""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING

from producer.feed.source import Reason, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from monitoring.feed_metrics import FeedMetrics
    from ratecast.rates.left_out import LeftOut

log = logging.getLogger(__name__)

_REMEMBERED = 2_000
_LOGGED_AT_ONCE = 20


class RefusalLog:
    """Remembers what was refused lately.

    Args:
        metrics: counts refusals.
    """

    def __init__(self, metrics: FeedMetrics) -> None:
        self._metrics = metrics
        self._known: OrderedDict[object, None] = OrderedDict()

    def take(self, refusals: Iterable[Refusal], *, is_logged: bool) -> None:
        """Count what of an answer was not taken, and log it unless the caller reports it as a failure."""
        fresh = [refusal for refusal in refusals if self._is_new(refusal)]
        for refusal in fresh:
            self._metrics.refused(refusal.reason)
        if not is_logged:
            return
        for refusal in fresh[:_LOGGED_AT_ONCE]:
            log.warning("not taken (%s): %s", refusal.reason, refusal.detail)
        if len(fresh) > _LOGGED_AT_ONCE:
            log.warning("not taken: %d more", len(fresh) - _LOGGED_AT_ONCE)

    def held_back(self, held: Iterable[LeftOut]) -> None:
        """Log and count suspicious rates that are not published."""
        for rate in held:
            if self._is_new((rate.pair, rate.day, rate.rate)):
                self._metrics.refused(Reason.SCREENED)
            if self._is_new(rate):
                log.warning("%s", describe(rate))

    def _is_new(self, what: object) -> bool:
        is_new = what not in self._known
        self._known[what] = None
        self._known.move_to_end(what)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return is_new


def describe(rate: LeftOut) -> str:
    """Return why a rate is held back, and what will become of it.

    >>> from ratecast.rates.left_out import LeftOut
    >>> describe(LeftOut("EUR/USD", "2026-11-27", 115.9, "unconfirmed"))[:67]
    'held back: EUR/USD 2026-11-27: 115.9 is far from the rates before i'
    """
    what = {
        "unconfirmed": "is far from the rates before it; it is published if the next rate confirms it. If it is right, "
        "publish it now with `ratecast feed --once --force --pair {pair}`",
        "spike": "was a jump that the next rate reversed; it is not published",
        "excursion": "was wrong by a factor of 2 or more, or came back at once; it is not published",
    }.get(rate.rule, f"looks like a fault ({rate.rule}); it is not published")
    return f"held back: {rate.pair} {rate.day}: {rate.rate:.6g} {what.format(pair=rate.pair)}"
