from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from consumer import dead_letters
from ratecast.contract import dead_letter
from ratecast.contract.documents import asyncapi, documents
from ratecast.errors import ErrorCode
from ratecast.scoring.scored_batch import DeadLetter
from tests.bad_records import BAD, GOOD
from tests.fakes import FakeRecord

COMMITTED = Path(__file__).parents[3] / "docs" / "contracts"


@pytest.mark.parametrize("name", documents())
def test_the_committed_document_is_up_to_date_with_the_models(name: str) -> None:
    committed = (COMMITTED / name).read_text(encoding="utf-8")
    assert committed == documents()[name], "stale: run `make contracts`"


def test_the_asyncapi_document_refers_only_to_what_it_holds() -> None:
    document = asyncapi()
    text = json.dumps(document)
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert references
    for reference in references:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


def test_the_asyncapi_document_lists_every_header_that_a_dead_letter_can_have() -> None:
    """Also one of a redelivered record whose key, value and headers were all too long."""
    long = b"x" * (dead_letters.CUT_TO_BYTES + 1)
    redelivered = dead_letter.redelivered([("trace", long)], ("rate-dead-letters", 0, 1))
    record = FakeRecord(long, key=long, headers=tuple(redelivered))
    letter = DeadLetter(record, ErrorCode.TOO_LARGE, "too large")
    _, _, written = dead_letters.outgoing(letter, cut=True, topic_id="AAAAAAAAQACAAAAAAAAAAA")
    messages = json.loads((COMMITTED / "asyncapi.json").read_text())["components"]["messages"]
    listed = messages["DeadLetter"]["headers"]["properties"]
    assert [name for name, _ in written if name not in listed] == []
    keyless = DeadLetter(FakeRecord(b"{", key=None), ErrorCode.INVALID_JSON, "cut off")
    _, _, keyed = dead_letters.outgoing(keyless, cut=False, keyed=True)
    assert sorted(listed) == sorted({**dict(written), **dict(keyed)}), "a header that no dead letter has"
    for message in ("RateHistory", "Prediction"):
        listed = messages[message]["headers"]["properties"]
        assert sorted(listed) == sorted(name for name, _ in redelivered if name.startswith("ratecast."))


@pytest.mark.parametrize(
    "name",
    ["history empty", "a string", "a zero", "pair of a wrong type", "history of 1025", "message_id empty"],
)
def test_a_foreign_validator_refuses_what_we_refuse(name: str) -> None:
    schema = json.loads((COMMITTED / "rate-history.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(json.loads(GOOD))
    assert not validator.is_valid(json.loads(BAD[name][0] or b""))
