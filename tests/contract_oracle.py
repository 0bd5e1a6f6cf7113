"""A second opinion on what the contract accepts: Python's own JSON parser in front of the models, slow and plain."""

from __future__ import annotations

import json
from typing import Any

from ratecast.contract.messages import RateHistory

MAX_DEPTH = (
    200  # containers that hold something, within each other: jiter's limit; RFC 8259, section 9 allows one
)


def accepted(value: bytes) -> RateHistory | None:
    """The message a value is by the contract; None where it is none."""
    try:
        document = json.loads(
            value.decode("utf-8"), object_pairs_hook=_each_key_once, parse_constant=_refuse_constant
        )
        if not isinstance(document, dict) or _depth_exceeds(document, MAX_DEPTH):
            return None
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair is no text
        return RateHistory.model_validate(document)
    except (ValueError, RecursionError):  # pydantic's ValidationError and both Unicode errors are ValueErrors
        return None


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("a key twice")
    return document


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _depth_exceeds(document: Any, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [
            child
            for node in level
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list)) and child
        ]
        if not level:
            return False
    return True
