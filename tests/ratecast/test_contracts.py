from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from ratecast import contracts
from tests.bad_records import BAD, GOOD

COMMITTED = Path(__file__).parents[2] / "docs" / "contracts"


@pytest.mark.parametrize("name", contracts.documents())
def test_the_committed_document_is_what_the_models_say(name: str) -> None:
    committed = (COMMITTED / name).read_text(encoding="utf-8")
    assert committed == contracts.documents()[name], "stale: run `make contracts`"


def test_the_asyncapi_document_refers_only_to_what_it_holds() -> None:
    document = contracts.asyncapi()
    text = json.dumps(document)
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert references
    for reference in references:
        node = document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step]


@pytest.mark.parametrize(
    "name",
    ["history empty", "a string", "a zero", "pair of a wrong type", "history of 1025", "message_id empty"],
)
def test_a_foreign_validator_refuses_what_we_refuse(name: str) -> None:
    schema = json.loads((COMMITTED / "rate-history.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(json.loads(GOOD))
    assert not validator.is_valid(json.loads(BAD[name][0] or b""))
