"""Prints the data-quality alerts of a span as a message for a Slack webhook, or posts it.

    python examples/slack_alerts.py 1d                                   # print
    python examples/slack_alerts.py 1d https://hooks.slack.com/services/...   # post

Run it from cron with the span of the schedule. Without an alert it prints and posts nothing. It needs pandas and pyarrow.
"""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

import pandas as pd

import ratecast

MOST = 20  # alerts shown; Slack allows 50 blocks
MOST_CHARACTERS = 2900  # of one block; Slack allows 3000
TIMEOUT_SECONDS = 10


def message(predictions: pd.DataFrame) -> dict[str, Any] | None:
    """Returns the body for the webhook; None if there is no alert."""
    alerts = predictions[predictions["alerts"] != ""].sort_values("published_at_utc", ascending=False)
    if alerts.empty:
        return None
    pairs = ", ".join(sorted(set(alerts["pair"])))
    title = f"{len(alerts)} of {len(predictions)} rates look wrong: {pairs}"
    blocks = [_section(f"*{_escaped(title)}*")]
    for alert in alerts.head(MOST).itertuples():
        words = _escaped(alert.alert_text)
        blocks.append(
            _section(f"*{alert.pair}* {alert.last_rate:.6g} on {_escaped(alert.as_of or '-')}\n{words}")
        )
    if len(alerts) > MOST:
        blocks.append(_section(f"and {len(alerts) - MOST} more"))
    return {"text": _escaped(title[:MOST_CHARACTERS]), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MOST_CHARACTERS]}}


def _escaped(text: str) -> str:
    """Returns a text in which Slack sees no link, mention or command, whoever wrote it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(url: str, body: dict[str, Any]) -> None:
    """Send the message. Errors do not show the address, because whoever has it can post."""
    if not url.startswith(("https://", "http://")):
        sys.exit("the webhook must be an http address")
    request = urllib.request.Request(  # noqa: S310 - checked above
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):  # noqa: S310
            pass
    except urllib.error.HTTPError as error:
        sys.exit(f"the webhook answered {error.code}: nothing was posted")
    except OSError as error:
        sys.exit(f"the webhook cannot be reached: {type(error).__name__}")


def main() -> None:
    """Read, then print or post."""
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: python examples/slack_alerts.py SINCE [URL]")
    body = message(ratecast.read_predictions(since=sys.argv[1]))
    if body is None:
        return
    if len(sys.argv) == 3:
        post(sys.argv[2], body)
    else:
        print(json.dumps(body, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
