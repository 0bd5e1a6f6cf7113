from __future__ import annotations

import pytest

from producer.redelivery_rules import RejectReason, Rules, Selection
from ratecast.contract.dead_letter import DeadLetterHeaders, Header
from tests.fakes import FakeRecord

OURS = DeadLetterHeaders(code="invalid_json", topic="histories", partition=0, offset=3)
RULES = Rules("histories", max_hops=2)


def letter(headers: list[Header], partition: int = 1, offset: int = 5) -> FakeRecord:
    return FakeRecord(
        b"{", key=b"EUR/USD", topic="letters", partition=partition, offset=offset, headers=tuple(headers)
    )


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (OURS.written(), None),
        ([*OURS.written(), ("ratecast.hops", b"1")], None),
        ([*OURS.written(), ("ratecast.hops", b"2")], RejectReason.MAX_HOPS),
        ([*OURS.written(), ("ratecast.value.truncated", b"9")], RejectReason.CUT),
        ([], RejectReason.ELSEWHERE),
        (DeadLetterHeaders(topic="other", partition=0, offset=3).written(), RejectReason.ELSEWHERE),
    ],
)
def test_a_dead_letter_is_rejected_for_one_reason(headers, reason) -> None:
    assert RULES.reject_reason(letter(headers)) is reason


def test_a_dead_letter_that_was_redelivered_before_is_rejected() -> None:
    rules = Rules("histories", 2, redelivered=frozenset({(1, 5)}))
    assert rules.reject_reason(letter(OURS.written())) is RejectReason.REDELIVERED
    assert rules.reject_reason(letter(OURS.written(), offset=6)) is None
    assert rules.reject_reason(letter(OURS.written(), partition=0)) is None


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(partition=1, first=5, last=5), True),
        (Selection(codes=frozenset({"invalid_json", "too_large"})), True),
        (Selection(codes=frozenset({"too_large"})), False),
        (Selection(partition=0), False),
        (Selection(pairs=frozenset({"EUR/USD", "EUR/GBP"})), True),
        (Selection(pairs=frozenset({"EUR/GBP"})), False),
        (Selection(codes=frozenset({"too_large"}), pairs=frozenset({"EUR/USD"})), False),
        (Selection(first=6), False),
        (Selection(last=4), False),
    ],
)
def test_a_dead_letter_must_meet_every_condition_of_a_selection(selection: Selection, taken: bool) -> None:
    assert selection.takes(letter(OURS.written())) is taken


def test_the_reasons_keep_the_keys_of_the_json_output() -> None:
    assert [str(reason) for reason in RejectReason] == ["cut", "replayed", "max_hops", "elsewhere"]
