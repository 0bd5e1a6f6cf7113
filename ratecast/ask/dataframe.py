"""Rows as a data frame of pandas or polars; neither is a dependency."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

LIBRARIES = ("pandas", "polars")


def frame(rows: Sequence[dict[str, Any]], library: str | None = None) -> Any:
    """Return a data frame of some rows.

    Raises:
        UsageError: the library is not installed, or neither is.
    """
    if library is not None and library not in LIBRARIES:
        raise UsageError(f"there is no data frame of {library!r}: choose {' or '.join(LIBRARIES)}")
    wanted = LIBRARIES if library is None else (library,)
    for name in sorted(wanted, key=lambda name: name not in sys.modules):
        try:
            return importlib.import_module(name).DataFrame(list(rows))
        except ModuleNotFoundError as error:
            if error.name != name:  # it is installed, but something that it needs is not
                raise
    raise UsageError(f"a data frame needs {' or '.join(wanted)}: pip install {wanted[0]}")
