"""JSON Schemas and an AsyncAPI 3.0 document of the contract, generated from the message models.

``python -m ratecast.contract.documents docs/contracts`` writes them; a test fails when they are out of date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ratecast.contract import dead_letter
from ratecast.contract.messages import Prediction, RateHistory, json_schema
from ratecast.release import __version__
from ratecast.settings import Settings


def documents() -> dict[str, str]:
    """Return file name -> content of every contract document."""
    return {
        "rate-history.schema.json": _dump(json_schema(RateHistory)),
        "prediction.schema.json": _dump(json_schema(Prediction)),
        "asyncapi.json": _dump(asyncapi()),
    }


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document, with the default topic names."""
    names = {
        name: Settings.model_fields[f"{name}_topic"].default for name in ("input", "output", "dead_letter")
    }
    redelivered = _headers(dead_letter.REDELIVERED_SCHEMAS)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "ratecast",
            "version": __version__,
            "description": "Publish rate histories; consume predictions. Read with isolation.level=read_committed.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "histories": _channel(
                names["input"],
                "Histories to score, keyed by pair so that the messages of a pair stay in order.",
                "RateHistory",
            ),
            "predictions": _channel(
                names["output"],
                "Predictions. Their key is the key of the input message, or the pair if it has none.",
                "Prediction",
            ),
            "deadLetters": _channel(
                names["dead_letter"],
                "Records that could not be scored, with the reason in headers.",
                "DeadLetter",
            ),
        },
        "operations": {
            "receiveHistory": _operation("receive", "histories"),
            "sendPrediction": _operation("send", "predictions"),
            "sendDeadLetter": _operation("send", "deadLetters"),
        },
        "components": {
            "messages": {
                "RateHistory": {"headers": redelivered, "payload": _payload(RateHistory)},
                "Prediction": {"headers": redelivered, "payload": _payload(Prediction)},
                "DeadLetter": {
                    "contentType": "application/octet-stream",
                    "summary": "A record that could not be scored: its key, value and headers, unchanged, and headers with the reason.",
                    "headers": _headers(dead_letter.HEADER_SCHEMAS),
                    "payload": {"description": "Any bytes, or none."},
                },
            }
        },
    }


def _headers(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {"type": "object", "properties": schemas}


def _channel(topic: str, description: str, message: str) -> dict[str, Any]:
    reference = {"$ref": f"#/components/messages/{message}"}
    return {"address": topic, "description": description, "messages": {message: reference}}


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _payload(model: type[RateHistory | Prediction]) -> dict[str, Any]:
    """Return the model's schema with its definitions inlined, because nothing can refer to ``$defs`` inside a fragment."""
    schema = json_schema(model)
    definitions = schema.pop("$defs", {})
    schema.pop("$schema")

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(item) for item in node]
        if not isinstance(node, dict):
            return node
        if (reference := node.get("$ref")) is not None:
            rest = {key: value for key, value in node.items() if key != "$ref"}
            return {**inline(definitions[reference.rsplit("/", 1)[1]]), **rest}
        return {key: inline(value) for key, value in node.items()}

    inlined: dict[str, Any] = inline(schema)
    return inlined


def _dump(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path) -> None:
    """Write every document to a directory, which is created if needed."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in documents().items():
        (directory / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
