"""The libraries that tables need; a missing one is reported in one line, before anything is read."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Literal

from ratecast.errors import UsageError
from ratecast.field_faults import shown

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["pandas", "polars", "arrow"]

_NEEDED: dict[str, tuple[str, ...]] = {
    "pandas": ("pyarrow", "pandas"),
    "polars": ("pyarrow", "polars"),
    "arrow": ("pyarrow",),
}


def require_libraries(kind: str) -> None:
    """Check that a kind of table is known and that its libraries are installed, without importing them.

    Raises:
        UsageError: it is not; the message says what to install.
    """
    if kind not in _NEEDED:
        raise UsageError(f"there are no tables of {shown(kind)}: choose pandas, polars or arrow")
    if missing := [name for name in _NEEDED[kind] if importlib.util.find_spec(name) is None]:
        raise UsageError(f"tables of {kind} need {' and '.join(missing)}: pip install {' '.join(missing)}")


def converted(table: Any, kind: str) -> Any:
    """Return a table of Arrow as a data frame of pandas or polars, or as it is."""
    converters: dict[str, Callable[[Any], Any]] = {"pandas": _pandas, "polars": _polars}
    convert = converters.get(kind)
    return table if convert is None else convert(table)


def _pandas(table: Any) -> Any:
    # Blocks are copied one by one and freed, so that there are never two whole tables in memory.
    return table.to_pandas(split_blocks=True, self_destruct=True)


def _polars(table: Any) -> Any:
    return importlib.import_module("polars").from_arrow(table)
