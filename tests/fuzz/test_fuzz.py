"""The short form of ``make fuzz``, and whether it would notice."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import msgspec
import pytest

from ratecast.contract import inputs
from tests.contract_oracle import accepted
from tests.fakes import FakeRecord
from tests.fuzz import mutations, vocabulary
from tests.fuzz.inputs import random_batches
from tests.fuzz.run import Fuzzer, all_batches
from tests.fuzz.values import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fuzz.run import FuzzReport, KindsAndRecords

INPUTS = 20_000
MORE_MIB = (
    64  # large values come and go; what stays after the warm-up must be far less than what passed through
)


def fuzz(batches: Iterator[KindsAndRecords], inputs: int) -> FuzzReport:
    fuzzer = Fuzzer(schema_every=1)
    fuzzer.run(batches, inputs, lambda _: None)
    return fuzzer.report


def test_every_hostile_input_gets_one_outcome_that_keeps_every_promise() -> None:
    report = fuzz(all_batches(1, INPUTS), INPUTS)
    assert not report.failures, "\n".join(report.failures)
    assert sum(report.outcomes.values()) == report.inputs == INPUTS
    assert report.end_mib - report.warm_mib < MORE_MIB
    assert {kind for kind, _ in report.by_kind} == {*KINDS, "every byte"}
    assert min(report.outcomes["prediction"], report.outcomes["invalid_encoding"]) > INPUTS / 10


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, again, other = (list(itertools.islice(random_batches(seed), 5)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_every_bad_byte_comes_to_every_position_exactly_once() -> None:
    message = vocabulary.VALID[0]
    replaced = [value for value in mutations.exhaustive([message]) if len(value) == len(message)]
    changes = [
        [(at, new) for at, (old, new) in enumerate(zip(message, value, strict=True)) if old != new]
        for value in replaced
    ]
    assert all(len(change) == 1 for change in changes)
    expected = {(at, bad) for at, old in enumerate(message) for bad in vocabulary.BAD_BYTES if bad != old}
    assert len(changes) == len(expected)
    assert {change[0] for change in changes} == expected


@pytest.mark.parametrize("value", vocabulary.VALID)
def test_mutations_begin_with_messages_that_are_scored(value: bytes) -> None:
    assert accepted(value) is not None
    report = fuzz(iter([[("good", FakeRecord(value))]]), 1)
    assert (report.outcomes, report.failures) == ({"prediction": 1}, [])


def test_a_parser_that_raises_is_noticed_and_the_input_named(monkeypatch: pytest.MonkeyPatch) -> None:
    bad = b'{"history":[1,2,3],"pair":"\xe9"}'

    def raises(value: bytes) -> inputs.History:
        return msgspec.json.decode(value, type=inputs.History)

    monkeypatch.setattr(inputs, "_without_rates", lambda value, _: (raises(value), b"[1,2,3]"))
    report = fuzz(
        iter([[("bytes", FakeRecord(b'{"history":[1,2,3]}')), ("bytes", FakeRecord(bad, offset=1))]]), 2
    )
    (failure,) = report.failures
    assert "UnicodeDecodeError" in failure
    assert repr(bad) in failure


def test_a_field_that_is_no_text_is_noticed_also_where_parsers_skip_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inputs, "_is_plain", lambda *_: True)
    report = fuzz(iter([[("bytes", FakeRecord(b'{"history":[1,2,3],"x":"\xe9"}'))]]), 1)
    assert "the contract does not accept it" in report.failures[0]
