"""The overview's row on `ratecast feed`. It is empty where there is no feed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.grafana.limits import FEED_LATE
from monitoring.grafana.panels import about, bars, lines, query, third, with_lines_at
from monitoring.grafana.promql import FEED, increase, select

if TYPE_CHECKING:
    from monitoring.grafana.panels import Row

_NO_FEED = "No data: there is no feed."


def live_feed() -> Row:
    """Returns whether rates are late, how polls end, and what is not taken."""
    return [
        with_lines_at(
            third(
                lines(
                    "Late rates of the feed",
                    about(
                        "For how long the oldest rate that is due and not published has been late, by source. "
                        + _NO_FEED,
                        f"0. An alert fires after five minutes above the dashed line, {FEED_LATE:g} s.",
                        "The source is late, or the rate is held back or refused: see the other two panels and the feed's log.",
                    ),
                    "s",
                    query(f"min by (source) ({select('feed_late_seconds', FEED)})", "{{source}}"),
                )
            ),
            ("red", FEED_LATE),
        ),
        bars(
            "Polls by outcome",
            about(
                "Polls of the source, by outcome. `read` and `unchanged` are good.",
                "A few an hour, and one every five minutes while a rate is due.",
                "Another outcome names what failed. An alert fires when nothing else happens for 15 minutes.",
            ),
            "short",
            query(increase("feed_polls_total", FEED, by="outcome"), "{{outcome}}"),
        ).span(8),
        bars(
            "Refused by the feed",
            about(
                "Rates, rows and answers of the source that were not taken, by reason. Each counts once.",
                "None.",
                "`screened` is a rate that looks like a fault and is held back. The feed's log names each.",
            ),
            "short",
            query(increase("feed_refused_total", FEED, by="reason"), "{{reason}}"),
        ).span(8),
    ]
