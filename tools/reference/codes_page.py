"""The page of codes: data-quality alerts, dead letters, refusals of a feed, and exit codes."""

from __future__ import annotations

from producer.feed.source import Reason
from ratecast.contract.alerts import MARKET_ALERTS, Alert
from ratecast.errors import ErrorCode
from tools.reference.markdown import code, table
from tools.reference.meanings import ALERTS, DEAD_LETTERS, REFUSALS

_HEAD = """# Codes

All sets are closed: a new code is a change of the contract.

## Data-quality alerts

A prediction's field `alerts` lists these codes, and `alert_messages` says each one in words. A message with an alert still gets
its forecast. Thresholds are learnt in training from clean rates. [Drift and feed faults](../drift.md) has measured how often each
alert is right and wrong."""

_DEAD_LETTERS = """## Dead letters

The header `ratecast.error.code` of a dead letter is one of these. `ratecast.error.message` says what is wrong with the record.

A key that is not UTF-8 and a header with a null value are legal in Kafka. Such messages are scored, and key and headers are
carried over. A header whose *name* is not UTF-8 is carried over with the offending bytes written as `\\xff`."""

_REFUSALS = """## Refusals of a feed

A [feed](../decisions/0025-what-a-feed-takes.md) does not publish everything that its source sends. It logs each refusal with the place
and counts it by one of these reasons. What is right beside a refused rate is published."""

_EXIT_CODES = """## Exit codes

Every command ends with one of these. An error is one line on standard error that starts with `error:`."""

EXIT_CODES = (
    ("0", "The command did what it was asked to do."),
    (
        "1",
        "It failed: something outside could not be done in time, or the result is a failure. A later try may succeed.",
    ),
    ("2", "The command, a setting or a file is wrong. The message says what to change."),
    ("130", "It was interrupted with Ctrl-C before it was done."),
)


def codes_page() -> str:
    """Return the tables of codes."""
    alerts = [
        (code(alert.value), "no" if alert in MARKET_ALERTS else "yes", ALERTS[alert]) for alert in Alert
    ]
    letters = [(code(error.value), DEAD_LETTERS[error]) for error in ErrorCode]
    parts = (
        _HEAD,
        table(("alert", "feed fault", "what it says about the newest rate"), alerts),
        _DEAD_LETTERS,
        table(("code", "when"), letters),
        _REFUSALS,
        table(("reason", "what was refused"), [(code(reason.value), REFUSALS[reason]) for reason in Reason]),
        _EXIT_CODES,
        table(("code", "meaning"), EXIT_CODES),
    )
    return "\n\n".join(parts) + "\n"
