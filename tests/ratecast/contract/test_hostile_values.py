from __future__ import annotations

import contextlib
import gc
import tracemalloc

import pytest

from ratecast.contract import inputs
from ratecast.errors import RecordError


def decode(value: bytes) -> inputs.History | RecordError:
    return inputs.decode_histories([value], 1_000_000)[0]


class PanicException(BaseException):
    """Stands in for what a panic in a parser written in Rust raises; the real class cannot be imported."""


@pytest.mark.parametrize("error", [RecursionError("too deep"), KeyError("x"), PanicException("a bug")])
@pytest.mark.parametrize("parser", ["_decode", "jiter"])
def test_whatever_a_parser_raises_costs_no_more_than_the_record(
    parser: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    if parser == "jiter":
        monkeypatch.setattr(inputs.jiter, "from_json", fails)
    elif isinstance(error, Exception):  # msgspec is written in C and does not panic
        monkeypatch.setattr(inputs, "_decode", fails)
    escaped = b'{"history": [1, 2, 3], "message_id": "\\u00fc"}'
    decoded = decode(escaped)
    if parser == "_decode":
        assert isinstance(decoded, inputs.History)
    else:
        assert isinstance(decoded, RecordError)
        assert decoded.message == f"the parser failed: {type(error).__name__}: {error}"


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_an_error_that_is_not_the_records_fault_is_no_dead_letter(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(inputs.jiter, "from_json", fails)
    with pytest.raises(type(error)):
        decode(b'{"history": [1, 2]}')


def test_a_third_of_a_million_wrong_dates_make_one_error() -> None:
    """An error for each took 500 MB and three seconds."""
    dates = ",".join(['""'] * 300_000)
    tracemalloc.start()
    try:
        rejected = decode(f'{{"history": [1, 2, 3], "times": [{dates}]}}'.encode())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rejected.message == "times[0] must be an ISO 8601 date (YYYY-MM-DD), got ''"
    assert peak < 50e6


@pytest.mark.parametrize("value", [b'{"x":[' + b"[]," * 100_000 + b"1]}", b"[" + b"[]," * 100_000])
def test_pythons_collector_does_not_search_what_is_being_parsed(value: bytes) -> None:
    """It went through hundreds of thousands of lists again and again: 0.3 s for 1 MB."""
    collections: list[str] = []

    def note(phase: str, _: dict[str, int]) -> None:
        collections.append(phase)

    gc.callbacks.append(note)
    try:
        with contextlib.suppress(ValueError):
            inputs._parse(value)
        during = len(collections)
    finally:
        gc.callbacks.remove(note)
    assert during <= 2  # start and stop of the one that may fall due when the collector is switched on again
    assert gc.isenabled()
