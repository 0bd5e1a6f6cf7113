"""Recognises JSON that is a message of another system: its envelope, its spelling of types, or rates that are no history.

A dead letter that says "this is a CloudEvent" shows its reader which setting to change; "history is missing" does not.
Only values that the contract has rejected are looked at, so a message that can be scored costs nothing here. Nothing is
read twice, searched in depth or raised: a value may be a megabyte of anything. The shapes come from the specifications
and documents of the formats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratecast.field_faults import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_HISTORY = "history"
_FIELDS = (_HISTORY, "pair", "as_of", "times", "message_id")
_WINDOW = "keep each pair's last rates and send them all, oldest first, as `history`"
_EACH_ALONE = "send each as a record of its own"

# Avro 1.12, "JSON Encoding": a union's value is an object whose only key names the branch.
_AVRO_TYPES = frozenset({"array", "double", "float", "int", "long", "string"})
_CLOUD_EVENT = frozenset({"specversion", "type", "source"})  # CloudEvents 1.0, required besides `id`
_CHANGE = frozenset({"before", "after", "op"})  # Debezium, "Change events"
_BARS = ({"open", "high", "low", "close"}, {"o", "h", "l", "c"})
_TICK = {"bid", "ask"}
_TABLES = (
    "rates",
    "conversion_rates",
    "quotes",
)  # Frankfurter, Open Exchange Rates; exchangerate-api; exchangerate.host
_TABLE_BASES = ("base", "base_code", "source")
_PRICES = ("rate", "price", "mid", "close", "last")
_FEWEST_RATES = 3
_MOST_FIELDS = 100  # no envelope and no quote has more, and an object may have a hundred thousand


def name(document: Any) -> str | None:
    """Return what a rejected value is and what to send instead; None if it looks like nothing known.

    Args:
        document: parsed JSON of any kind.

    >>> name({"specversion": "1.0", "id": "1", "type": "rate", "source": "/desk", "data": {"history": [1.1, 1.2, 1.3]}})
    'a CloudEvent: its data is in `data`; send the data alone, as the binary content mode does'
    >>> name({"base": "EUR", "date": "2026-11-27", "rates": {"USD": 1.1534}})
    "many currencies' rates of one day (`base` and `rates`): keep each pair's last rates and send them all, oldest \
first, as `history`"
    >>> name({"history": [0.85, 0.86, 0.87]}) is None
    True
    """
    if isinstance(document, str):
        return _of_string(document)
    if isinstance(document, list):
        return _of_list(document)
    if not isinstance(document, dict) or len(document) > _MOST_FIELDS:
        return None
    if union := _avro_union(document):
        return (
            f"Avro's JSON encoding ({union}): send plain JSON, without the names of types around the values"
        )
    return None if _HISTORY in document else _envelope(document) or _rates(document)


def name_lines(value: bytes) -> str | None:
    r"""Return what a value is that begins with JSON but does not end with it; None unless more JSON follows on a new line.

    >>> name_lines(b'{"history": [1.1, 1.2, 1.3]}\n{"history": [1.2, 1.3, 1.4]}\n')
    'several JSON objects, one on each line (NDJSON): send each as a record of its own'
    >>> name_lines(b'{"history": [1.1,\n 1.2') is None
    True
    """
    first, _, rest = value.strip().partition(b"\n")
    first, rest = first.rstrip(), rest.lstrip()[:1]
    if first[:1] + first[-1:] + rest != b"{}{":
        return None
    return f"several JSON objects, one on each line (NDJSON): {_EACH_ALONE}"


def _of_string(text: str) -> str | None:
    text = text.strip()
    if text[:1] + text[-1:] not in {"{}", "[]"}:
        return None
    return "JSON inside a JSON string, so it was encoded twice: send the object itself"


def _of_list(items: Sequence[Any]) -> str | None:
    first = items[0] if items else None
    if _is_number(first):
        return 'the rates alone: send an object, {"history": [...]}'
    if not isinstance(first, dict) or len(first) > _MOST_FIELDS:
        return None
    if _HISTORY in first:
        return f"a list of {len(items)} histories: {_EACH_ALONE}"
    if first.keys() >= _CLOUD_EVENT:
        return f"a batch of {len(items)} CloudEvents: send the `data` of each as a record of its own"
    inner = _rates(first)
    return None if inner is None else f"a list of {len(items)} objects, each {inner}"


def _avro_union(document: Mapping[str, Any]) -> str | None:
    """Return the first field whose value, or whose first rate, is wrapped as a value of an Avro union."""
    for field in _FIELDS:
        value = document.get(field)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict) and len(value) == 1 and (kind := next(iter(value))) in _AVRO_TYPES:
            return f'`{field}` holds {{"{kind}": ...}}'
    return None


def _envelope(document: Mapping[str, Any]) -> str | None:
    """Name an object that holds the message in one of its fields."""
    keys = document.keys()
    if keys >= _CLOUD_EVENT:
        where = "data_base64" if "data_base64" in document else "data"
        return f"a CloudEvent: its data is in `{where}`; send the data alone, as the binary content mode does"
    payload = document.get("payload")
    if keys >= _CHANGE or (isinstance(payload, dict) and payload.keys() >= _CHANGE):
        row = "after" if "after" in document else "payload.after"
        return (
            f"a change event of Debezium: the row is in `{row}`; send the message alone, as the transform "
            "ExtractNewRecordState does"
        )
    if keys >= {"schema", "payload"}:
        return (
            "Kafka Connect's JSON with a schema: the message is in `payload`; set "
            "value.converter.schemas.enable=false"
        )
    for key, value in document.items():
        if isinstance(value, dict) and _HISTORY in value:
            return f"an envelope: the history is inside {_quoted(key)}; send that object alone"
        if isinstance(value, str) and value.lstrip()[:1] == "{" and f'"{_HISTORY}"' in value:
            return f"an envelope: the history is inside {_quoted(key)}, as text; send that text alone"
    return None


def _rates(document: Mapping[str, Any]) -> str | None:
    """Name an object with rates that are no history."""
    lowered = {key.lower(): value for key, value in document.items()}
    for table in _TABLES:
        base = next((field for field in _TABLE_BASES if isinstance(lowered.get(field), str)), None)
        if base is not None and isinstance(lowered.get(table), dict):
            first = next(iter(lowered[table].values()), None)
            when = "of several days" if isinstance(first, dict) else "of one day"
            return f"many currencies' rates {when} (`{base}` and `{table}`): {_WINDOW}"
    if any(lowered.keys() >= bar for bar in _BARS):
        return f"a bar (open, high, low, close): {_WINDOW}; use the closing rates"
    if lowered.keys() >= _TICK:
        return f"a tick (bid and ask): {_WINDOW}"
    for field in _PRICES:
        if _is_number(lowered.get(field)):
            return f"a single rate (`{field}`): {_WINDOW}"
    lists = [key for key, value in document.items() if _is_list_of_numbers(value)]
    if len(lists) == 1:
        return f"a history under another name: rename {_quoted(lists[0])} to `history`"
    return None


def _quoted(key: str) -> str:
    return f"`{shown(key)[1:-1]}`" if len(key) <= 40 else shown(key)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_list_of_numbers(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= _FEWEST_RATES
        and _is_number(value[0])
        and _is_number(value[-1])
    )
