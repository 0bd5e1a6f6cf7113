"""Polls a CSV file, or a folder of them, that another program writes to."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from producer.feed.formats import published_csv
from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.day_rules import DayRules
from producer.feed.source import Answer, Reason, Refusal, SourceUnavailableError
from ratecast.errors import UsageError

if TYPE_CHECKING:
    import datetime as dt

SETTLED_SECONDS = 5.0
MAX_FILE_BYTES = 16 * 1024 * 1024
MAX_FILES = 1_000
_MOST_NAMED = 10_000  # files that are left alone
_log = logging.getLogger(__name__)


class _State(NamedTuple):
    """What changes when a file is written to or replaced."""

    inode: int
    size: int
    written_ns: int
    is_settled: bool  # nobody has written for a while, so a last line without a line break is complete


class CsvSource:
    """Rates of a CSV file, or of all files ``*.csv`` in a folder; see `producer.feed.source.Source`.

    A file is read again when it has changed. Its last line is left for a later poll while it has no line break and the
    file was written to a moment ago, because another program may be in the middle of it.

    Args:
        path: the file or folder.
        settled_seconds: how long a file must be untouched before its last line counts without a line break.
    """

    name = "csv"

    def __init__(self, path: Path, settled_seconds: float = SETTLED_SECONDS) -> None:
        self._path = path
        self._settled_seconds = settled_seconds
        # With the day, because a rate that is dated tomorrow may be taken tomorrow.
        self._read: tuple[dict[Path, _State], dt.date] | None = None
        self._unread = False  # whether a file of the folder could not be read at the last poll
        self._has_rates = False
        self._ignored: set[str] = set()

    @property
    def address(self) -> str:
        """The path."""
        return str(self._path)

    async def poll(self, since: dt.date | None, today: dt.date) -> Answer:  # noqa: ARG002 - a file is read as a whole
        """Read all rates, whatever ``since`` is."""
        return await asyncio.to_thread(self._poll, today)

    async def close(self) -> None:
        """Do nothing: no file stays open."""

    def _poll(self, today: dt.date) -> Answer:
        try:
            folder = self._path.is_dir()
            states = self._states() if folder else {self._path: self._state(self._path.stat())}
            if (states, today) == self._read:
                return Answer(None)
            collected = CollectedRates(self.name, DayRules(today))
            self._unread = False
            faults = [fault for path in states if (fault := self._take(path, collected, folder=folder))]
        except OSError as error:
            raise SourceUnavailableError(
                f"{error.filename or self._path}: {error.strerror or error}; it is read again later",
                "no_file",
            ) from None
        if faults and not folder and not self._has_rates:
            raise UsageError(f"{self._path}: {faults[0].detail}")
        answer = collected.answer(may_be_empty=True)
        self._has_rates = self._has_rates or answer.table is not None
        self._read = None if self._unread else (states, today)
        return answer

    def _states(self) -> dict[Path, _State]:
        """Return the files of the folder to read, by name."""
        found: dict[Path, _State] = {}
        for entry in sorted(os.scandir(self._path), key=lambda entry: entry.name):
            try:
                state = entry.stat()
            except FileNotFoundError:
                continue  # another program is replacing it
            if not stat.S_ISREG(state.st_mode) or not entry.name.lower().endswith(".csv"):
                self._ignore(entry.name, "it is no file *.csv")
            elif len(found) == MAX_FILES:
                self._ignore(entry.name, f"there are {MAX_FILES:,} files before it")
            else:
                found[Path(entry.path)] = self._state(state)
        return found

    def _state(self, state: os.stat_result) -> _State:
        settled = time.time() - state.st_mtime >= self._settled_seconds
        return _State(state.st_ino, state.st_size, state.st_mtime_ns, settled)

    def _take(self, path: Path, collected: CollectedRates, *, folder: bool) -> Refusal | None:
        """Take the rates of a file; return and refuse what is wrong with it as a whole."""
        collected.reading(path.name)
        try:
            body, state = _content(path)
        except FileNotFoundError:
            if not folder:
                raise
            self._unread = True
            return None
        except OSError as error:
            if not folder:
                raise
            self._unread = True
            fault: Refusal | None = Refusal(Reason.MALFORMED, error.strerror or "it cannot be read")
        else:
            fault = self._read_rates(body, collected, settled=self._state(state).is_settled)
        if fault:
            collected.refuse(*fault)
        return fault

    @staticmethod
    def _read_rates(body: bytes, collected: CollectedRates, *, settled: bool) -> Refusal | None:
        if len(body) > MAX_FILE_BYTES:
            return Refusal(Reason.TOO_LARGE, f"more than {MAX_FILE_BYTES // 2**20} MB: split it by year")
        if not body.endswith(b"\n"):
            body = body + b"\n" if settled else body[: body.rfind(b"\n") + 1]
        return published_csv.read(body, collected) if body.strip() else None

    def _ignore(self, name: str, why: str) -> None:
        if name not in self._ignored and len(self._ignored) < _MOST_NAMED:
            self._ignored.add(name)
            _log.info("%s: %r is left alone: %s", self._path, name, why)


def _content(path: Path) -> tuple[bytes, os.stat_result]:
    """Return a file's content, and its state after it was read.

    Between a look at the file and its reading, somebody may begin a new line. Only the state afterwards tells.

    Raises:
        OSError: it cannot be read.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise OSError(errno.EINVAL, "it is no file", str(path))
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1), os.fstat(file.fileno())
