"""pydantic's words never reach a user: every fault that its types can report is put in plain words."""

from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from ratecast.field_faults import describe, shown


class Part(BaseModel):
    size: int


class Sample(BaseModel):
    flag: bool = True
    ratio: float = Field(0.5, gt=0, le=1, allow_inf_nan=False)
    count: int = Field(2, ge=2)
    kind: Literal["a", "b"] = "a"
    name: Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]*$")] = "ab"
    sizes: Annotated[list[int], Field(min_length=2, max_length=3)] = [1, 2]
    parts: dict[str, Part] = {}
    pair: tuple[int, int] = (1, 2)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"flag": "maybe"}, "flag must be true or false, got 'maybe'"),
        ({"flag": []}, "flag must be true or false, got a list"),
        ({"ratio": "x"}, "ratio must be a number, got 'x'"),
        ({"ratio": 0}, "ratio must be greater than 0, got 0"),
        ({"ratio": 1.5}, "ratio must be at most 1, got 1.5"),
        ({"ratio": float("inf")}, "ratio must be a finite number, got inf"),
        ({"count": 1}, "count must be at least 2, got 1"),
        ({"count": 2.5}, "count must be a whole number, got 2.5"),
        ({"count": "2.5"}, "count must be a whole number, got '2.5'"),
        ({"count": None}, "count must be a whole number, got null"),
        ({"kind": "c"}, "kind must be 'a' or 'b', got 'c'"),
        ({"name": "a"}, "name must have at least 2 characters, got 1"),
        ({"name": "abcde"}, "name must have at most 4 characters, got 5"),
        ({"name": "AB"}, "name must be text of the form ^[a-z]*$, got 'AB'"),
        ({"name": 3}, "name must be a string, got 3"),
        ({"sizes": [1]}, "sizes must have at least 2 items, got 1"),
        ({"sizes": [1, 2, 3, 4]}, "sizes must have at most 3 items, got 4"),
        ({"sizes": {}}, "sizes must be a list, got an object"),
        ({"parts": []}, "parts must be an object, got a list"),
        ({"parts": {"EUR/GBP": 3}}, "parts.EUR/GBP must be an object, got 3"),
        ({"parts": {"EUR/GBP": {}}}, "parts.EUR/GBP.size is missing"),
        ({"pair": 3}, "pair must be a list, got 3"),
    ],
)
def test_a_fault_is_one_sentence_with_field_requirement_and_value(
    value: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate(value)
    assert describe(caught.value) == sentence


def test_text_that_is_no_json_is_reported_as_such() -> None:
    with pytest.raises(ValidationError) as caught:
        Sample.model_validate_json("{")
    assert describe(caught.value).startswith("is not valid JSON: EOF while parsing")


def test_a_value_is_shown_short_however_long_it_is() -> None:
    for value in ("x" * 10**6, 10**5000, [0] * 10**6, {str(i): i for i in range(1000)}, None, 1.5):
        assert len(shown(value)) < 60
