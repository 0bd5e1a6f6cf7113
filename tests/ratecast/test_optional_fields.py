"""Which optional fields a setting asks for, and what a wrong one says."""

from __future__ import annotations

import pytest

from ratecast.errors import UsageError
from ratecast.optional_fields import (
    HORIZONS,
    QUANTILES,
    OptionalFields,
    chosen_horizons,
    chosen_quantiles,
)
from ratecast.settings import load_settings


def test_predictions_have_no_optional_fields_by_default() -> None:
    assert load_settings().optional_fields == OptionalFields()
    assert not load_settings().optional_fields


@pytest.mark.parametrize(
    ("horizons", "quantiles", "expected"),
    [
        ("10, 2", "none", OptionalFields((2, 10))),
        ("NONE", "97.5,2.50,50", OptionalFields((), ("2.5", "50", "97.5"))),
        ("all", "All", OptionalFields(HORIZONS, QUANTILES)),
        ("5,5", "1", OptionalFields((5,), ("1",))),
    ],
)
def test_settings_are_lists_in_any_order_or_all_or_none(
    monkeypatch: pytest.MonkeyPatch, horizons: str, quantiles: str, expected: OptionalFields
) -> None:
    monkeypatch.setenv("RATECAST_HORIZONS", horizons)
    monkeypatch.setenv("RATECAST_QUANTILES", quantiles)
    assert load_settings().optional_fields == expected
    assert load_settings().optional_fields


@pytest.mark.parametrize("value", ["1", "3", "2;5", "2,", "two", "true", "2,all", "nan", "1e999", "-2"])
def test_a_wrong_setting_is_named_with_what_it_must_be(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("RATECAST_HORIZONS", value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value) == (
        f"RATECAST_HORIZONS must be all, none or some of 2, 5, 10, 21, separated by commas, got {value!r}"
    )


def test_a_wrong_option_is_named_as_an_option() -> None:
    with pytest.raises(UsageError, match=r"^--quantiles must be all, none or some of 1, 2\.5, .*, got '3'$"):
        load_settings(quantiles="3")


def test_numbers_in_python_are_checked_as_well() -> None:
    assert chosen_horizons([10, 2, 2]) == (2, 10)
    assert chosen_quantiles([97.5, 5, 5.0]) == ("5", "97.5")
    with pytest.raises(UsageError, match=r"^horizons must be some of 2, 5, 10, 21, got 3$"):
        chosen_horizons([2, 3])
    with pytest.raises(UsageError, match=r"^quantiles must be some of .*, got 0\.5$"):
        chosen_quantiles([0.5])
    with pytest.raises(UsageError, match=r"^quantiles must be a list of numbers, got '5'$"):
        chosen_quantiles("5")
