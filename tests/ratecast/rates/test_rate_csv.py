"""CSV files of rates: the forms that are read, and every way one can be wrong."""

from __future__ import annotations

import pytest

from ratecast.errors import UsageError
from ratecast.rates.tables import load_csv, series


@pytest.fixture
def write(tmp_path):
    def _write(content):
        path = tmp_path / "rates.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


def test_a_wide_csv_holds_currencies_and_pairs_in_any_order_of_days(write):
    table = load_csv(write("Date,USD,GBP/USD\n2024-01-03,1.10,1.27\n2024-01-02,1.09,N/A\n"))
    (usd,) = series(table, "EUR/USD")
    assert usd.rates.tolist() == [1.09, 1.10]
    (cable,) = series(table, "GBP/USD")
    assert cable.rates.tolist() == [1.27]
    assert str(cable.dates[0]) == "2024-01-03"


def test_a_long_csv_holds_a_rate_a_line_and_ignores_further_columns(write):
    text = (
        "rate,pair,date,note\n1.10,EUR/USD,2024-01-03,x\n160,EUR/JPY,2024-01-03,\n1.09,EUR/USD,2024-01-02,\n"
    )
    table = load_csv(write(text))
    assert series(table, "EUR/USD")[0].rates.tolist() == [1.09, 1.10]
    assert series(table, "USD/JPY")[0].rates.tolist() == [145.455]


def test_a_spreadsheets_csv_with_bom_crlf_and_blank_lines_is_read(write):
    table = load_csv(write("\ufeffdate,USD,\r\n2024-01-02,1.09,\r\n\r\n2024-01-03, ,\r\n"))
    assert series(table, "EUR/USD")[0].rates.tolist() == [1.09]


@pytest.mark.parametrize(
    "hole",
    [
        "",
        " ",
        "N/A",
        "n/a",
        "NA",
        "na",
        "NaN",
        "nan",
        "NAN",
        "ND",
        "nd",
        "null",
        "NULL",
        ".",
        "#N/A",
        "-",
        " NA ",
    ],
)
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_hole_is_written_in_any_usual_way(write, hole, quote):
    cell = f"{quote}{hole}{quote}"
    table = load_csv(write(f"date,USD\n2024-01-02,1.09\n2024-01-03,{cell}\n2024-01-04,1.10\n"))
    assert series(table, "EUR/USD")[0].rates.tolist() == [1.09, 1.10]


@pytest.mark.parametrize("number", ["1.5", "+1.5", " 1.5 ", "15e-1", '"1.5"', "1.50", "01.5"])
def test_a_number_is_written_in_any_usual_way(write, number):
    table = load_csv(write(f"date,USD\n2024-01-02,{number}\n"))
    assert table.columns["EUR/USD"].tolist() == [1.5]


UNUSUAL_FILES = {
    "R with row names": '"","date","USD"\n"1","2026-01-01",NA\n"2","2026-01-02",1.1712\n',
    "R, long": '"","date","pair","rate"\n"7","2026-01-01","EUR/USD",NA\n"9","2026-01-02","EUR/USD",1.1712\n',
    "pandas with its index": ",date,USD\n0,2026-01-01,NaN\n1,2026-01-02,1.1712\n",
    "FRED, as it was": "DATE,EUR/USD\n2026-01-01,.\n2026-01-02,1.1712\n",
    "FRED, unchanged": "observation_date,EUR/USD\n2026-01-01,\n2026-01-02,1.1712\n",
    "BOM and CRLF": "\ufeff,date,USD\r\n0,2026-01-01,#N/A\r\n1,2026-01-02,1.1712\r\n",
}


@pytest.mark.parametrize("text", UNUSUAL_FILES.values(), ids=UNUSUAL_FILES.keys())
def test_files_are_read_as_statistics_programs_write_them(write, text):
    table = load_csv(write(text))
    assert list(table.columns) == ["EUR/USD"]
    assert [rate for rate in table.columns["EUR/USD"].tolist() if rate == rate] == [1.1712]  # noqa: PLR0124 - NaN


MALFORMED = {
    "empty file": ("", "line 1: the file is empty"),
    "blank first line": ("\n2024-01-02,1.1\n", "line 1: the file is empty"),
    "only a header": ("date,USD\n", "line 1: there are no rates after the header"),
    "no date column": ("day,USD\n2024-01-02,1.1\n", "line 1: there is no column 'date'"),
    "semicolons": (
        "date;USD\n2024-01-02;1.1\n",
        "line 1: there is no column 'date' (columns are separated by commas)",
    ),
    "no value column": ("date\n2024-01-02\n", "line 1: there is no column besides 'date'"),
    "unknown column": ("date,dollar\n2024-01-02,1\n", "line 1: column 'dollar' is neither a currency"),
    "same column twice": ("date,USD,USD\n2024-01-02,1,1\n", "line 1: column 'USD' occurs twice"),
    "euro column": ("date,EUR\n2024-01-02,1\n", "line 1: column 'EUR' is neither"),
    "day first": ("date,USD\n02.01.2024,1.1\n", "line 2: '02.01.2024' is not a date like 2024-12-31"),
    "no such day": ("date,USD\n2024-02-30,1.1\n", "line 2: '2024-02-30' is not a date"),
    "week date": ("date,USD\n2024-W05-3,1.1\n", "line 2: '2024-W05-3' is not a date"),
    "no date": ("date,USD\n,1.1\n", "line 2: '' is not a date"),
    "same day twice": ("date,USD\n2024-01-02,1\n2024-01-02,1\n", "line 3: date 2024-01-02 occurs twice"),
    "words": ("date,USD\n2024-01-02,1\n2024-01-03,about 1\n", "line 3: 'about 1' is not a number"),
    "decimal comma": ('date,USD\n2024-01-02,"1,1"\n', "line 2: '1,1' is not a number"),
    "zero": ("date,USD\n2024-01-02,0\n", "line 2: rate 0 is not a positive finite number"),
    "negative": ("date,USD\n2024-01-02,-1.1\n", "line 2: rate -1.1 is not a positive finite number"),
    "thousands, as Python writes them": (
        "date,USD\n2024-01-02,1_000.5\n",
        "line 2: '1_000.5' is not a number",
    ),
    "thousands, as banks write them": (
        'date,USD\n2024-01-02,"1,000.5"\n',
        "line 2: '1,000.5' is not a number",
    ),
    "thousands, as Swiss banks write them": ("date,USD\n2024-01-02,1'000.5\n", "is not a number"),
    "full-width digits": ("date,USD\n2024-01-02,\uff11.\uff15\n", "line 2: '\uff11.\uff15' is not a number"),
    "Arabic digits": ("date,USD\n2024-01-02,\u0661.\u0665\n", "line 2: '\u0661.\u0665' is not a number"),
    "hexadecimal": ("date,USD\n2024-01-02,0x1p0\n", "line 2: '0x1p0' is not a number"),
    "a negative nan": ("date,USD\n2024-01-02,-nan\n", "line 2: '-nan' is not a number"),
    "infinity by name": ("date,USD\n2024-01-02,inf\n", "line 2: rate inf is not a positive finite number"),
    "no name but rates": ("date,USD,\n2024-01-02,1.1,1.2\n", "line 2: column 3 has no name but holds '1.2'"),
    "no name but words": (",date,USD\nmon,2024-01-02,1.1\n", "line 2: column 1 has no name but holds 'mon'"),
    "semicolons and decimal commas": ("date;USD\n2024-01-02;1,1\n", "line 1: there is no column 'date'"),
    "tabs": ("date\tUSD\n2024-01-02\t1.1\n", "line 1: there is no column 'date'"),
    "UTF-16": ("date,USD\n2024-01-02,1.1\n".encode("utf-16"), "line 1: not UTF-8"),
    "infinite": ("date,USD\n2024-01-02,1e999\n", "line 2: rate 1e999 is not a positive finite number"),
    "short row": ("date,USD,GBP\n2024-01-02,1.1\n", "line 2: 2 cells where the header has 3"),
    "long row": ("date,USD\n2024-01-02,1,1\n", "line 2: 3 cells where the header has 2"),
    "not UTF-8": (b"date,USD\n2024-01-02,1\n2024-01-03,\xff\n", "line 3: not UTF-8"),
    "long without rate": ("date,pair\n2024-01-02,EUR/USD\n", "line 1: there is no column 'rate'"),
    "long without pair": ("date,rate\n2024-01-02,1.1\n", "line 1: there is no column 'pair'"),
    "long, bad pair": ("date,pair,rate\n2024-01-02,EURUSD,1\n", "line 2: 'EURUSD' is not a pair"),
    "long, twice": (
        "date,pair,rate\n2024-01-02,EUR/USD,1\n2024-01-02,EUR/USD,1\n",
        "line 3: date 2024-01-02 occurs twice for EUR/USD",
    ),
}


@pytest.mark.parametrize(("content", "fault"), MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_csv_is_rejected_in_one_line_with_file_line_and_fault(write, content, fault):
    path = write(content)
    with pytest.raises(UsageError) as caught:
        load_csv(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert fault in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_cannot_be_read_is_rejected(tmp_path, name):
    with pytest.raises(UsageError, match=r"No such file|Is a directory"):
        load_csv(tmp_path / name)
