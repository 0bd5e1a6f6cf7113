"""Answers as a data frame of whichever library is there."""

from __future__ import annotations

import datetime as dt
import sys
import types

import pandas as pd
import pytest

from ratecast.ask.answers import Answers, Held, PairForecast, Range
from ratecast.errors import UsageError

TESTED = Held(1480, dt.date(2021, 1, 4), dt.date(2026, 10, 30), 0.8, 0.95)


def answer(pair: str, held: Held | None = TESTED) -> PairForecast:
    return PairForecast(
        pair=pair,
        last_rate=1.0,
        last_date=dt.date(2026, 10, 30),
        target=dt.date(2026, 11, 2),
        forecast=1.0,
        range_80=Range.around(1.0, 0.9, 1.1),
        range_95=Range.around(1.0, 0.8, 1.2),
        interval_quality="adaptive",
        held=held,
        alerts=("jump", "level_cone"),
        remarks=("One.", "Two."),
        model_version="v",
    )


ANSWERS = Answers({"EUR/USD": answer("EUR/USD"), "EUR/GBP": answer("EUR/GBP", None)})


def test_a_row_for_each_pair_and_a_column_for_each_figure():
    found = ANSWERS.to_dataframe("pandas")
    assert isinstance(found, pd.DataFrame)
    assert found["pair"].tolist() == ["EUR/USD", "EUR/GBP"]
    first = found.iloc[0].to_dict()
    assert (first["lower_95"], first["upper_80_percent"]) == (0.8, pytest.approx(10.0))
    assert (first["alerts"], first["remarks"]) == ("jump, level_cone", "One. Two.")
    assert found["held_95"].tolist()[0] == 0.95
    assert found["held_95"].isna().tolist() == [False, True]
    assert set(found.columns) == set(answer("EUR/USD").as_row())


def fake_polars(monkeypatch) -> type:
    class DataFrame:
        def __init__(self, rows: list[dict]) -> None:
            self.rows = rows

    module = types.ModuleType("polars")
    module.DataFrame = DataFrame
    monkeypatch.setitem(sys.modules, "polars", module)
    return DataFrame


def test_without_pandas_it_is_a_frame_of_polars(monkeypatch):
    frame = fake_polars(monkeypatch)
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = ANSWERS.to_dataframe()
    assert isinstance(found, frame)
    assert [row["pair"] for row in found.rows] == ["EUR/USD", "EUR/GBP"]


def test_a_program_that_uses_polars_gets_polars_though_pandas_is_installed(monkeypatch):
    frame = fake_polars(monkeypatch)
    monkeypatch.delitem(sys.modules, "pandas")
    assert isinstance(ANSWERS.to_dataframe(), frame)
    assert "pandas" not in sys.modules


@pytest.mark.parametrize(
    ("library", "fault"),
    [
        (None, "a data frame needs pandas or polars: pip install pandas"),
        ("polars", "a data frame needs polars: pip install polars"),
        ("arrow", "there is no data frame of 'arrow': choose pandas or polars"),
    ],
)
def test_without_the_library_the_error_says_what_to_install(monkeypatch, library, fault):
    class Absent:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name in {"pandas", "polars"}:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    for name in ("pandas", "polars"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Absent, *sys.meta_path])
    with pytest.raises(UsageError) as error:
        ANSWERS.to_dataframe(library)
    assert str(error.value) == fault


def test_a_library_that_is_broken_is_not_called_missing(monkeypatch):
    class Broken:
        @staticmethod
        def find_spec(name: str, *_: object) -> None:
            if name == "polars":
                raise ModuleNotFoundError("No module named 'its_core'", name="its_core")

    monkeypatch.delitem(sys.modules, "polars", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken, *sys.meta_path])
    with pytest.raises(ModuleNotFoundError, match="its_core"):
        ANSWERS.to_dataframe("polars")
