"""Decodes the rates of many messages at once into one array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import simdjson

from ratecast.contract.messages import MAX_HISTORY, MIN_HISTORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def decode(texts: Sequence[bytes]) -> tuple[NDArray[np.float64], NDArray[np.intp]] | None:
    """Decode JSON arrays of rates; return all rates one after the other, and the length of each array.

    Python floats are never made, which takes a third of the time of decoding each array into a list. Both parsers
    round correctly, so the floats are the same.

    Args:
        texts: One complete JSON value each.

    Returns:
        None if at least one value is no array of ``MIN_HISTORY`` to ``MAX_HISTORY`` positive numbers, or if it has a
        number that the parser does not take, such as an integer above 2**64.

    >>> decode([b"[0.85, 0.86, 0.87]", b"[1, 2, 3, 4]"])
    (array([0.85, 0.86, 0.87, 1.  , 2.  , 3.  , 4.  ]), array([3, 4]))
    >>> decode([b"[0.85, 0.86, 0.87]", b"[1, 2, [3]]"]) is None
    True
    """
    lengths = np.fromiter([text.count(b",") + 1 for text in texts], np.intp, len(texts))
    if not len(lengths):
        return np.empty(0), lengths
    joined = b"[%b]" % b",".join(texts)
    try:
        # The parser takes numbers alone: a string, an object, true or null raises.
        array: Any = simdjson.Parser().parse(joined)
        numbers = array.as_buffer(of_type="d")
    except (TypeError, ValueError, RuntimeError):  # RuntimeError: an integer above 2**64
        return None
    rates = np.frombuffer(numbers)
    # Without strings and objects each comma is one between two numbers, and each bracket one of an array.
    is_flat = joined.count(b"[") == len(lengths) + 1 and len(rates) == lengths.sum()
    in_bounds = lengths.min() >= MIN_HISTORY and lengths.max() <= MAX_HISTORY
    return (rates, lengths) if is_flat and in_bounds and rates.min() > 0 else None
