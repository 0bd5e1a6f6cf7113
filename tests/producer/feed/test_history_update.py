"""The file of the ECB's history is replaced by a better copy and by nothing else."""

from __future__ import annotations

import datetime as dt
import os

import numpy as np
import pytest

from producer.feed.ecb_history import HistoryFile, fetch_history
from producer.feed.history_update import Outcome, update
from producer.feed.polite_http import Validators
from producer.feed.source import SourceUnavailableError
from ratecast.errors import OperationError, UsageError
from ratecast.rates import freshest
from ratecast.rates.tables import RateTable, load_ecb
from tests.ecb_zips import csv_text, history, packed
from tests.producer.feed import rate_faults
from tests.producer.feed.rate_server import DIRECTORY, Fault, RateServer

SINCE, PACKAGE_UNTIL, UNTIL = dt.date(2026, 7, 1), dt.date(2026, 10, 1), dt.date(2026, 10, 29)
CURRENCIES = ("USD", "JPY", "GBP", "CHF", "SEK")
TODAY = dt.date(2026, 10, 30)
PAGE = f"{DIRECTORY}eurofxref-hist.zip"


@pytest.fixture(scope="module")
def package() -> RateTable:
    """A package of three months of the ECB's rates; the server has four weeks more."""
    real = load_ecb()
    rows = (real.dates >= np.datetime64(SINCE)) & (real.dates <= np.datetime64(PACKAGE_UNTIL))
    columns = {f"EUR/{currency}": real.columns[f"EUR/{currency}"][rows] for currency in CURRENCIES}
    return RateTable("package.zip", real.dates[rows], columns)


@pytest.fixture(autouse=True)
def _small_package(monkeypatch, package):
    monkeypatch.setattr(freshest, "load_ecb", lambda: package)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "rates" / "eurofxref-hist.zip"


def from_server(server: RateServer, today: dt.date = TODAY):
    async def fetch(known: Validators | None) -> HistoryFile | None:
        return await fetch_history(server.url + PAGE, today=today, known=known)

    return fetch


def answer(content: bytes, last_modified: str | None = None):
    """A fetch that brings some bytes, and remembers how it was asked."""
    asked: list[Validators | None] = []

    async def fetch(known: Validators | None) -> HistoryFile:
        asked.append(known)
        return HistoryFile(content, history(), (), Validators(last_modified=last_modified))

    return fetch, asked


def left(path) -> list[str]:
    return sorted(entry.name for entry in path.parent.iterdir())


async def test_the_first_update_makes_the_file_and_the_second_asks_for_changes_only(path):
    async with RateServer(UNTIL, SINCE, CURRENCIES) as server:
        first = await update(path, from_server(server), TODAY)
        assert (first.outcome, first.rates.file, first.rates.last_day) == (Outcome.UPDATED, path, UNTIL)
        assert first.succession is not None
        assert first.succession.added == tuple(str(day) for day in server.days if day > PACKAGE_UNTIL)
        assert (first.succession.revised, first.succession.objections, first.notes) == ((), (), ())
        before = path.stat()
        assert dt.datetime.fromtimestamp(before.st_mtime, dt.UTC) == dt.datetime(
            2026, 10, 29, 15, tzinfo=dt.UTC
        )
        second = await update(path, from_server(server), TODAY)
        assert (second.outcome, second.succession) == (Outcome.UNCHANGED, None)
        assert server.seen[-1].headers["If-Modified-Since"] == "Thu, 29 Oct 2026 15:00:00 GMT"
        # The server only knows ETags, so it sent the same bytes again.
        assert (path.stat().st_ino, path.stat().st_mtime) == (before.st_ino, before.st_mtime)
        assert left(path) == [path.name]


async def test_a_day_later_and_a_revision_are_taken_and_named(path):
    async with RateServer(UNTIL, SINCE, CURRENCIES) as server:
        await update(path, from_server(server), TODAY)
        server.publish(TODAY)
        old = server.days[UNTIL]["USD"]
        server.revise(UNTIL, "USD", f"{float(old) * 1.001:.4f}", dt.datetime(2026, 10, 30, 15, tzinfo=dt.UTC))
        found = (await update(path, from_server(server), TODAY)).succession
        assert found is not None
        assert found.added == ("2026-10-30",)
        assert [(revision.pair, revision.day, revision.before) for revision in found.revised] == [
            ("EUR/USD", "2026-10-29", float(old))
        ]


FAULTS = {
    Fault.NOT_FOUND: "404",
    Fault.ERROR_PAGE: "HTML",
    Fault.EMPTY: "",
    Fault.HALF: "zip",
    Fault.DISCONNECT: "closed the connection",
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_faulty_answer_is_one_line_and_the_file_stays(path, fault):
    path.parent.mkdir()
    path.write_bytes(b"as it was")
    async with RateServer(UNTIL, SINCE, CURRENCIES) as server:
        server.fail(fault)
        with pytest.raises(OperationError) as failure:
            await update(path, from_server(server), TODAY)
    assert FAULTS[fault] in str(failure.value)
    assert "\n" not in str(failure.value)
    assert (path.read_bytes(), left(path)) == (b"as it was", [path.name])


async def test_a_page_that_moved_is_followed(path):
    async with RateServer(UNTIL, SINCE, CURRENCIES) as server:
        server.fail(Fault.MOVED)
        assert (await update(path, from_server(server), TODAY)).outcome is Outcome.UPDATED


DISTORTED = {
    "slipped": (rate_faults.multiplied("JPY", 0.1), "EUR/JPY 2026-10-29 from "),
    "swapped": (rate_faults.inverted(), "EUR/"),
    "a day that is lost": (lambda days: {d: r for d, r in days.items() if d != dt.date(2026, 8, 3)}, "1 day is missing"),
    "an older copy": (lambda days: {d: r for d, r in days.items() if d < dt.date(2026, 9, 15)}, "it ends on 2026-09-14"),
    "a currency that is gone": (
        lambda days: {d: {n: rate for n, rate in r.items() if n != "USD"} for d, r in days.items()},
        "rates are missing, first EUR/USD",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", DISTORTED)
async def test_a_worse_copy_is_refused_with_the_reason_unless_it_is_forced(path, kind):
    distortion, objection = DISTORTED[kind]
    async with RateServer(UNTIL, SINCE, CURRENCIES) as server:
        await update(path, from_server(server), TODAY)
        good = path.read_bytes()
        server.distortion = distortion
        refused = await update(path, from_server(server), TODAY)
        assert (refused.outcome, refused.rates.last_day) == (Outcome.REFUSED, UNTIL)
        assert refused.succession is not None
        assert any(objection in text for text in refused.succession.objections), refused.succession.objections
        assert (path.read_bytes(), left(path)) == (good, [path.name])
        forced = await update(path, from_server(server), TODAY, force=True)
        assert forced.outcome is Outcome.UPDATED
        assert path.read_bytes() != good


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed(history(first=dt.date(2026, 9, 1))), "what was fetched: it begins on 2026-09-01"),
        (packed(csv_text(history()), "rates.csv"), "what was fetched: the zip has no eurofxref-hist.csv"),
        (csv_text(history()).encode(), "what was fetched: not a zip"),
        (packed("Date,USD,\n2026-10-30,x,\n"), "what was fetched: line 2: 'x' is not a number"),
    ],
)
async def test_what_is_not_the_whole_history_is_not_even_forced(path, content, words):
    fetch, _ = answer(content)
    with pytest.raises(OperationError, match=words):
        await update(path, fetch, TODAY, force=True)
    assert left(path) == []


async def test_a_broken_file_is_replaced_and_is_no_reason_to_ask_for_changes_only(path, package):
    path.parent.mkdir()
    path.write_bytes(b"broken")
    fetch, asked = answer(packed(package), "Thu, 29 Oct 2026 15:00:00 GMT")
    assert (await update(path, fetch, TODAY)).outcome is Outcome.UPDATED
    assert asked == [None]
    assert path.read_bytes() == packed(package)
    assert path.stat().st_mode & 0o777 == 0o644


async def test_a_file_that_lacks_a_day_is_fetched_whole_whatever_its_time_says(path):
    async with RateServer(UNTIL, SINCE, CURRENCIES) as server:
        await update(path, from_server(server), TODAY)
        os.utime(path)  # as a copy by hand does
        fetch, asked = answer(path.read_bytes())
        await update(path, fetch, TODAY)
        await update(path, fetch, dt.date(2026, 11, 2))
    assert [known is None for known in asked] == [False, True]


async def test_nothing_new_leaves_the_file(path):
    async def fetch(_: Validators | None) -> None:
        return None

    assert (await update(path, fetch, TODAY)).outcome is Outcome.UNCHANGED
    assert left(path) == []


@pytest.mark.parametrize(
    "last_modified", [None, "", "yesterday", "Thu, 99 Oct 2026 15:00:00 GMT", "Thu, 29 Oct 9999999"]
)
async def test_an_unknown_time_of_change_does_not_matter(path, package, last_modified):
    fetch, _ = answer(packed(package), last_modified)
    assert (await update(path, fetch, TODAY)).outcome is Outcome.UPDATED


async def test_a_source_that_cannot_be_reached_is_an_error_that_may_pass(path):
    async def fetch(_: Validators | None) -> None:
        raise SourceUnavailableError("http://127.0.0.1:1: refused", "refused")

    with pytest.raises(OperationError, match="refused"):
        await update(path, fetch, TODAY)
    assert left(path) == []


async def test_a_place_that_cannot_be_written_is_named_before_anything_is_fetched(tmp_path):
    asked = answer(b"")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"RATECAST_RATES_FILE: .*/file/x\.zip cannot be written: "):
        await update(tmp_path / "file" / "x.zip", asked[0], TODAY)
    with pytest.raises(UsageError, match=r"RATECAST_RATES_FILE: .* is a directory"):
        await update(tmp_path, asked[0], TODAY)
    assert asked[1] == []
