"""Explains errors of the database in one line with a remedy, and tells a record's fault from the database's."""

from __future__ import annotations

import psycopg
from psycopg import errors

# Classes and conditions of SQLSTATE (PostgreSQL's documentation, appendix A), the longest match first.
_REMEDIES: tuple[tuple[str, str], ...] = (
    ("53100", "its disk is full: free space, or enlarge the volume"),
    ("53300", "it has no free connection: raise max_connections, or close some"),
    ("53", "it has no memory or other resources left"),
    ("25006", "it is read-only: connect to the primary, or clear default_transaction_read_only"),
    ("42501", "a privilege is missing: grant it to the sink's role, or let the role own the schema"),
    ("42P01", "a table was removed while the sink ran"),
    ("42703", "a column was removed while the sink ran"),
    ("55P03", "another session holds a lock on the sink's tables: see pg_locks"),
    ("57014", "a statement took longer than a minute: see pg_stat_activity for what blocks it"),
    ("57P05", "this process was frozen or starved for a minute"),
    ("25P03", "this process was frozen or starved for a minute"),
    ("57P", "it is stopping or starting"),
    ("40", "another session was in the way"),
)
_NO_ANSWER = (
    "check that PostgreSQL runs, and that RATECAST_POSTGRES_DSN or libpq's variables (PGHOST, PGUSER, PGDATABASE, "
    "PGPASSWORD) name it"
)


def in_words(error: psycopg.Error) -> str:
    """Returns an error as its first line, and what to do.

    >>> in_words(errors.DiskFull("could not extend file: No space left on device"))
    'could not extend file: No space left on device (its disk is full: free space, or enlarge the volume)'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    cause = lines[0] if lines else type(error).__name__
    state = error.sqlstate or ""
    for prefix, remedy in _REMEDIES:
        if state.startswith(prefix):
            return f"{cause} ({remedy})"
    return cause if state else f"{cause} ({_NO_ANSWER})"


def is_of_a_record(error: psycopg.Error) -> bool:
    """Returns whether one record of a batch may be at fault: a value that does not fit, or that a constraint forbids.

    A trigger or a constraint that the database's owner added counts too. The other records must not wait for it.
    """
    return isinstance(
        error, (psycopg.DataError, psycopg.IntegrityError, errors.ProgramLimitExceeded, errors.RaiseException)
    )
