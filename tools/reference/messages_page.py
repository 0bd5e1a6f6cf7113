"""The page of messages, from the contract's models and the dead letter's headers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ratecast.contract.dead_letter import HEADER_SCHEMAS
from ratecast.contract.documents import asyncapi
from ratecast.contract.messages import Prediction, RateHistory, json_schema
from ratecast.settings import Settings
from tools.reference.markdown import code, sentences, table
from tools.reference.meanings import FIELD_NOTES

if TYPE_CHECKING:
    from pydantic import BaseModel

_HEAD = """# Messages

All messages are JSON objects in UTF-8. The same contract exists for programs: an [AsyncAPI 3.0 document](../contracts/asyncapi.json)
and JSON Schemas of the [input](../contracts/rate-history.schema.json) and of the [prediction](../contracts/prediction.schema.json).
Fields may be added in later versions; none is renamed or removed.

Read predictions and dead letters with `isolation.level=read_committed`. Otherwise you also see results of aborted transactions."""

_INPUT = """The key is the pair, so that a pair keeps its order. Unknown fields are ignored. `{"history": [0.85, 0.86, 0.87]}` is a
whole message. The newest 61 rates count; more do no harm.

Workers and `ratecast topics` create the topic with `message.timestamp.type=LogAppendTime`. Lag, latency and retention then count
from a message's arrival, whatever time its publisher stamps on it. Set it on a topic that you create yourself."""

_OUTPUT = """The key is that of the input message, or the pair if the message has none. The headers of the input message are carried
over, trace headers included. With [tracing](../how-to/traces-and-logs.md#trace-messages) `traceparent` names the span that made the prediction."""

_LETTER = """Key and value are the raw bytes that came in. The original headers are kept, and these are added. The
[codes](codes.md#dead-letters) say why a record was not scored."""


def messages_page() -> str:
    """Return the fields of the input, the prediction and the dead letter."""
    topics = {
        name: Settings.model_fields[f"{name}_topic"].default for name in ("input", "output", "dead_letter")
    }
    headers = [(code(name), schema["description"]) for name, schema in HEADER_SCHEMAS.items()]
    prediction = asyncapi()["components"]["messages"]["Prediction"]
    carried = " and ".join(code(name) for name in prediction["headers"]["properties"])
    parts = (
        _HEAD,
        "## Input",
        f"Topic `{topics['input']}`. {_INPUT}",
        _fields(RateHistory),
        "## Prediction",
        f"Topic `{topics['output']}`. {_OUTPUT}",
        _fields(Prediction),
        "## Dead letter",
        f"Topic `{topics['dead_letter']}`. {_LETTER}",
        table(("header", "meaning"), headers),
        f"A record that was redelivered carries {carried}. Its prediction or its next dead letter carries them too.",
    )
    return "\n\n".join(parts) + "\n"


def _fields(model: type[BaseModel]) -> str:
    schema = json_schema(model)
    rows: list[tuple[str, str, str]] = []
    for name, field in schema["properties"].items():
        rows.extend(_rows(name, field, schema, required=name in schema.get("required", ())))
    return table(("field", "type", "meaning"), rows)


def _rows(
    name: str, field: dict[str, Any], schema: dict[str, Any], *, required: bool
) -> list[tuple[str, str, str]]:
    """Return the row of a field, and below it those of its own fields."""
    reference = field.get("$ref") or _item_reference(field)
    target = schema["$defs"][reference.rsplit("/", 1)[1]] if reference else {}
    own = target.get("properties", {})
    described = field.get("description") or FIELD_NOTES.get(name) or (own and target.get("description")) or ""
    absent = None if required or "absent" in described else "May be absent."
    meaning = sentences(described.replace("``", "`"), absent)
    rows = [(code(name), _type(field, schema), meaning)]
    for inner, inner_field in own.items():
        rows.extend(
            _rows(f"{name}.{inner}", inner_field, schema, required=inner in target.get("required", ()))
        )
    return rows


def _item_reference(field: dict[str, Any]) -> str | None:
    """Return the reference to an object whose list a field holds, alone or as one of its forms."""
    for form in (field, *field.get("anyOf", ())):
        if reference := form.get("items", {}).get("$ref"):
            return str(reference)
    return None


def _type(field: dict[str, Any], schema: dict[str, Any]) -> str:  # noqa: PLR0911 - one return for each form of a type
    if reference := field.get("$ref"):
        target = schema["$defs"][reference.rsplit("/", 1)[1]]
        return "one of the codes" if "enum" in target else "object"
    if options := field.get("anyOf"):
        return " or ".join(_type(option, schema) for option in options)
    if choices := field.get("enum"):
        return ", ".join(code(choice) for choice in choices)
    kind = field.get("type", "any")
    if kind == "array":
        if "prefixItems" in field:
            return f"array of {len(field['prefixItems'])} numbers"
        return f"array, {_bounds(field, 'Items')}each {_type(field['items'], schema)}"
    if kind == "object":
        return "object"
    form = field.get("format") or field.get("pattern")
    bound = " above 0" if field.get("exclusiveMinimum") == 0 else ""
    length = _bounds(field, "Length").replace("length, ", "characters")
    return f"{kind}{bound}" + (f", {length}" if length else "") + (f" ({code(form)})" if form else "")


def _bounds(field: dict[str, Any], what: str) -> str:
    low, high = field.get(f"min{what}"), field.get(f"max{what}")
    return f"{low:,} to {high:,} {what.lower()}, " if low is not None and high is not None else ""
