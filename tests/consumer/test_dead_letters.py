from __future__ import annotations

from types import SimpleNamespace

from consumer import dead_letters
from ratecast.errors import ErrorCode
from ratecast.scoring.scored_batch import DeadLetter


def letter(value: bytes | None, headers: list[tuple[str, bytes | None]]) -> DeadLetter:
    record = SimpleNamespace(
        topic="t", partition=3, offset=7, timestamp=11, key=b"k", value=value, headers=headers
    )
    return DeadLetter(record, ErrorCode.INVALID_JSON, "why")


def test_a_second_round_says_its_own_reason_and_place_and_keeps_the_hops():
    headers = [
        ("trace", b"t"),
        ("ratecast.error.code", b"unknown_pair"),
        ("ratecast.hops", b"2"),
        ("ratecast.source.offset", b"1"),
        ("trace", None),
    ]
    key, value, written = dead_letters.outgoing(letter(b"{", headers), cut=False)
    assert (key, value) == (b"k", b"{")
    assert written == [
        ("trace", b"t"),
        ("ratecast.hops", b"2"),
        ("trace", None),
        ("ratecast.error.code", b"invalid_json"),
        ("ratecast.error.message", b"why"),
        ("ratecast.source.topic", b"t"),
        ("ratecast.source.partition", b"3"),
        ("ratecast.source.offset", b"7"),
        ("ratecast.source.timestamp", b"11"),
    ]


def test_a_record_in_its_first_round_has_no_hops():
    _, _, written = dead_letters.outgoing(letter(b"{", []), cut=False)
    assert "ratecast.hops" not in dict(written)


def test_the_topic_id_is_written_when_it_is_known_and_an_earlier_one_never_stays():
    old = [("ratecast.source.topic_id", b"old")]
    _, _, written = dead_letters.outgoing(letter(b"{", old), cut=False, topic_id="new")
    assert [value for name, value in written if name == "ratecast.source.topic_id"] == [b"new"]
    _, _, written = dead_letters.outgoing(letter(b"{", old), cut=False)
    assert "ratecast.source.topic_id" not in dict(written)


def test_only_a_long_value_is_cut():
    long = b"x" * (dead_letters.CUT_TO_BYTES + 1)
    _, value, written = dead_letters.outgoing(letter(long, []), cut=True)
    assert value == long[:-1]
    assert dict(written)["ratecast.value.truncated"] == str(len(long)).encode()
    for short in (long[:-1], None):
        _, value, written = dead_letters.outgoing(letter(short, []), cut=True)
        assert value == short
        assert "ratecast.value.truncated" not in dict(written)


def test_long_keys_and_headers_are_cut_too_or_a_record_could_not_be_put_aside():
    long = b"x" * (dead_letters.CUT_TO_BYTES + 1)
    record = letter(b"{", [("trace", long), ("ratecast.hops", b"1")])
    record.record.key = long
    key, value, written = dead_letters.outgoing(record, cut=True)
    assert (key, value) == (long[:-1], b"{")
    assert [name for name, _ in written if not name.startswith("ratecast.")] == []
    assert dict(written)["ratecast.key.truncated"] == str(len(long)).encode()
    assert dict(written)["ratecast.headers.dropped"] == b"2"
    assert dict(written)["ratecast.hops"] == b"1"
    key, _, written = dead_letters.outgoing(record, cut=False)
    assert key == long
    assert ("trace", long) in written
