from __future__ import annotations

from dataclasses import replace

from tests.training.report.test_training_headline import TEST
from training.report.results_table import DASH, meanings, results_table

MOVED = replace(TEST, coverage={"80": 0.79, "95": 0.95}, width={"80": 0.004, "95": 0.009})


def test_columns_that_are_equal_in_every_row_go_and_are_named():
    table = results_table(TEST, {"EUR/USD": TEST, "EUR/GBP": MOVED})
    assert [column.heading for column in table.columns] == ["80 %", "95 %", "80 %"]
    assert table.groups == [("inside the range, %", 2), ("typical width, ± %", 1)]
    assert table.rows == {"EUR/USD": ("80.0", "94.8", "0.50"), "EUR/GBP": ("79.0", "95.0", "0.40")}
    assert table.total == ("80.0", "94.8", "0.50")
    assert table.starts == {2}
    assert table.left_out[:2] == ("forecasts 26,400", "typical width, ± % 95 % 0.90")
    assert "right direction, % has no figure" in table.left_out


def test_a_single_row_keeps_its_columns_but_not_those_without_a_figure():
    table = results_table(TEST, {"EUR/USD": TEST})
    assert len(table.columns) == 13
    assert DASH not in table.rows["EUR/USD"]


def test_every_column_shown_is_explained_once_and_no_other():
    table = results_table(TEST, {"EUR/USD": TEST, "EUR/GBP": MOVED})
    assert [name for name, _ in meanings([table])] == ["inside the range, %", "typical width, ± %"]
