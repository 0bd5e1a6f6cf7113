from __future__ import annotations

import json

from consumer import dead_letters
from ratecast.contract.dead_letter_json import dead_letter_as_json
from ratecast.errors import ErrorCode
from ratecast.scoring.scored_batch import DeadLetter
from tests.fakes import FakeRecord


def as_published(letter: DeadLetter, *, cut: bool = False) -> FakeRecord:
    key, value, headers = dead_letters.outgoing(letter, cut=cut)
    return FakeRecord(value, key=key, headers=tuple(headers))


def test_a_dead_letter_as_workers_write_it_is_understood():
    source = FakeRecord(b"{", key=b"\xff", partition=3, offset=17, headers=(("trace", b"a"), ("trace", None)))
    shown = dead_letter_as_json(as_published(DeadLetter(source, ErrorCode.INVALID_JSON, "EOF at 1")))
    assert shown == {
        "code": "invalid_json",
        "message": "EOF at 1",
        "source": {"topic": "rate-histories", "partition": 3, "offset": 17, "timestamp": source.timestamp},
        "key": {"base64": "/w=="},
        "value": "{",
        "headers": [["trace", "a"], ["trace", None]],
    }
    json.dumps(shown)


def test_a_dead_letter_that_was_cut_says_how_long_it_was():
    letter = DeadLetter(FakeRecord(b"x" * 10**6), ErrorCode.TOO_LARGE, "too large")
    assert dead_letter_as_json(as_published(letter, cut=True))["truncated_from_bytes"] == 10**6


def test_a_foreign_record_on_the_dead_letter_topic_is_shown_without_a_reason():
    shown = dead_letter_as_json(FakeRecord(None, key=None, headers=(("ratecast.source.offset", b"x"),)))
    assert (shown["code"], shown["key"], shown["value"]) == (None, None, None)
    assert shown["source"]["offset"] is None
