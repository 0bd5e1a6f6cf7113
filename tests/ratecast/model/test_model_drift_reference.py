from __future__ import annotations

import pytest
from pydantic import ValidationError

from ratecast.model.model_drift_reference import ModelDriftReference
from tests.drifting_inputs import EDGES, IMPORTANCES, SHARES, reference


def test_a_reference_is_read_back_as_it_was_written():
    assert ModelDriftReference.model_validate_json(reference().model_dump_json()) == reference()


@pytest.mark.parametrize(("messages", "threshold"), [(249, None), (250, 0.2), (399, 0.2), (5000, 0.15)])
def test_a_window_uses_the_threshold_of_the_greatest_length_it_has(messages, threshold):
    assert reference().threshold(messages) == threshold


@pytest.mark.parametrize(("field", "value", "problem"), [
    ("importances", {"newest": 1.0}, "an entry for each of"),
    ("importances", dict.fromkeys(IMPORTANCES, 0.5), "add up to 1"),
    ("edges", dict.fromkeys(IMPORTANCES, EDGES[::-1]), "ascend"),
    ("counts", {"EUR/GBP": dict.fromkeys(IMPORTANCES, SHARES[:-1])}, "4 counts"),
    ("counts", {"EUR/GBP": dict.fromkeys(IMPORTANCES, (0, 0, 0, 0))}, "not all of them 0"),
    ("counts", {"EUR/GBP": {"newest": SHARES}}, "an entry for each of"),
])  # fmt: skip
def test_a_reference_that_a_score_cannot_be_computed_from_is_refused(field, value, problem):
    content = reference().model_dump() | {field: value}
    with pytest.raises(ValidationError, match=problem):
        ModelDriftReference.model_validate(content)
