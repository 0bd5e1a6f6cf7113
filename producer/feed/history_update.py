"""Keeps the file with the ECB's full history: takes a newer copy if it is not worse, in one step, and otherwise nothing.

The file's time of change is the ``Last-Modified`` of the copy, so the next request can ask for changes only.
"""

from __future__ import annotations

import email.utils
import os
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from producer.feed.polite_http import Validators
from producer.feed.source import SourceUnavailableError
from ratecast.errors import OperationError, UsageError
from ratecast.rates.freshest import Copies, EcbRates, copies, load_local, missing_days
from ratecast.rates.succession import Succession, compare

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Awaitable, Callable, Iterator

    from producer.feed.ecb_history import HistoryFile

    # Fetches the history, or returns None if it has not changed since.
    Fetch = Callable[[Validators | None], Awaitable[HistoryFile | None]]


class Outcome(StrEnum):
    """What became of an update."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


@dataclass(frozen=True)
class Update:
    """The result of an update.

    Attributes:
        outcome: whether the file was replaced.
        rates: the rates at hand afterwards.
        succession: how the copy that was fetched compares with the rates before; None if nothing was fetched.
        notes: what of the copy would not be taken as a feed, one line each.
    """

    outcome: Outcome
    rates: EcbRates
    succession: Succession | None = None
    notes: tuple[str, ...] = ()


async def update(path: Path, fetch: Fetch, today: dt.date, *, force: bool = False) -> Update:
    """Fetch the history, and put it in the place of the file unless it is worse than the rates at hand.

    Args:
        path: the file; it need not exist.
        fetch: fetches the history.
        today: the day in Frankfurt.
        force: also take a copy that is worse, if it is readable, whole and not from the future.

    Raises:
        UsageError: the file cannot be written.
        OperationError: nothing could be fetched, or it is not the ECB's history. The file is as it was.
    """
    found = copies(path, today)
    before = found.fresher(path)
    with _scratch_beside(path) as scratch:
        try:
            fetched = await fetch(_known(path, before, today))
        except SourceUnavailableError as failure:
            raise OperationError(str(failure)) from None
        if fetched is None or _is_same(path, fetched.content):
            return Update(Outcome.UNCHANGED, before)
        if fetched.table is None:
            raise OperationError(
                "; ".join(refusal.detail for refusal in fetched.refusals[:1]) or "no rates came"
            )
        _write(scratch, fetched.content)
        try:
            new = load_local(scratch, found.package, today)
        except UsageError as fault:
            # The name of the scratch file means nothing to the user.
            raise OperationError(str(fault).replace(str(scratch), "what was fetched")) from None
        succession = compare(new, before.table, today)
        notes = tuple(refusal.detail for refusal in fetched.refusals)
        if succession.objections and not force:
            return Update(Outcome.REFUSED, before, succession, notes)
        _date(scratch, fetched.validators)
        scratch.replace(path)
    return Update(Outcome.UPDATED, Copies(found.package, new, None).fresher(path), succession, notes)


def _known(path: Path, before: EcbRates, today: dt.date) -> Validators | None:
    """Return how to ask for changes since the file; None to ask for the whole.

    A file in use that lacks a day may have been copied here later than that day's publication, so its time proves nothing.
    """
    if before.file is None or missing_days(before.last_day, today):
        return None
    return Validators(last_modified=email.utils.formatdate(path.stat().st_mtime, usegmt=True))


def _is_same(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


@contextmanager
def _scratch_beside(path: Path) -> Iterator[Path]:
    """Make an empty file in the directory of ``path``, and remove it afterwards if it is still there.

    Raises:
        UsageError: the directory cannot be made or written to.
    """
    try:
        if path.is_dir():
            raise UsageError(f"RATECAST_RATES_FILE: {path} is a directory; name a file")
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(descriptor)
    except OSError as error:
        raise UsageError(
            f"RATECAST_RATES_FILE: {path} cannot be written: {error.strerror or error}"
        ) from None
    scratch = Path(name)
    try:
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)


def _write(scratch: Path, content: bytes) -> None:
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.chmod(0o644)  # mkstemp makes a file that only its owner can read


def _date(scratch: Path, validators: Validators) -> None:
    """Give a file the time at which its content was last modified, if the server said so."""
    try:
        seconds = email.utils.parsedate_to_datetime(validators.last_modified or "").timestamp()
        os.utime(scratch, (seconds, seconds))
    except (ValueError, OverflowError, OSError):
        return
