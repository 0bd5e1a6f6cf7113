"""Reads the ECB's reference rates as CSV, alone or in its zip. Pure.

``eurofxref-hist.csv`` holds all days, newest first: ``2026-10-30,1.1172,…,`` with ``N/A`` for what is missing.
``eurofxref.csv`` holds one day: ``13 April 2026, 1.1534, …``. Both end every line with a comma.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from typing import TYPE_CHECKING

from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.csv_lines import full_rows, rows
from producer.feed.formats.day_rules import ecb_days
from producer.feed.formats.notation import CURRENCY, HOLES, shown
from producer.feed.formats.whole_answers import MAX_BYTES, no_rates, refused
from producer.feed.source import Answer, Reason

if TYPE_CHECKING:
    import datetime as dt

BASE = "EUR"
_ZIP = b"PK"
_BLOCKS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def is_zip(body: bytes) -> bool:
    """Whether an answer begins as a zip does."""
    return body.startswith(_ZIP)


def parse(body: bytes, today: dt.date, source: str = "ecb") -> Answer:
    r"""Return the rates of a CSV, or of the only CSV of a zip, in units per euro.

    Args:
        body: the CSV or the zip.
        today: the day in Frankfurt.
        source: name of the source.

    >>> import datetime
    >>> parse(b"Date, USD, JPY, \n13 April 2026, 1.1534, N/A, \n", datetime.date(2026, 4, 13)).table.columns
    {'EUR/USD': array([1.1534])}
    """
    text = _unzipped(body) if is_zip(body) else body
    if isinstance(text, Answer):
        return text
    if fault := no_rates(text):
        return fault
    collected = CollectedRates(source, ecb_days(today))
    lines = rows(text, collected)
    _, header = next(lines, (0, [""]))
    if header[0].lower() != "date":
        return refused(Reason.MALFORMED, f"no CSV of the ECB: it begins with {shown(','.join(header))}")
    pairs = _pairs(header, collected)
    for number, cells in full_rows(lines, len(header), collected):
        where = f"line {number}"
        day = collected.day(cells[0], where)
        for position, pair in pairs.items():
            if cells[position] not in HOLES:
                collected.add(pair, day, cells[position], where)
    return collected.answer()


def _pairs(header: list[str], collected: CollectedRates) -> dict[int, str]:
    pairs: dict[int, str] = {}
    for position, name in enumerate(header[1:], 1):
        if name == BASE:
            collected.refuse(Reason.WRONG_BASE, f"a column of {BASE}, which is the base itself")
        elif CURRENCY.fullmatch(name):
            pairs[position] = f"{BASE}/{name}"
        elif name:
            collected.refuse(Reason.MALFORMED, f"column {shown(name)} is no currency")
    return pairs


def _unzipped(body: bytes) -> bytes | Answer:
    """Return the CSV in a zip, or why it is refused. Never unpacks more than the limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            found = [info for info in archive.infolist() if info.filename.lower().endswith(".csv")]
            if len(found) != 1 or found[0].compress_type not in _BLOCKS:
                return refused(Reason.MALFORMED, f"a zip with {len(found)} readable CSV files instead of one")
            with archive.open(found[0]) as member:
                text = member.read(MAX_BYTES + 1)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        return refused(Reason.TRUNCATED, f"the zip is damaged or ends too early: {shown(str(error))}")
    except (
        RuntimeError,
        ValueError,
        OSError,
        NotImplementedError,
    ) as error:  # encrypted, foreign, offsets outside
        return refused(Reason.MALFORMED, f"a zip that cannot be read: {shown(str(error))}")
    if len(text) > MAX_BYTES:
        return refused(Reason.TOO_LARGE, f"the zip unpacks to more than {MAX_BYTES // 2**20} MB")
    return text
