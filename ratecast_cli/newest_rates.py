"""The newest rates at hand for ``ratecast forecast``: the ECB's, or those of a user's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ratecast.errors import UsageError
from ratecast_cli.wording import counted

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator
    from pathlib import Path

    from ratecast.rates.left_out import LeftOut
    from ratecast.rates.table_screening import Screened


def load(csv: Path, today: dt.date, *, keep_outliers: bool) -> Screened:
    """Returns the rates of a user's file, without those that training would leave out as well.

    Raises:
        UsageError: the file cannot be read.
    """
    from ratecast.rates.table_screening import screened
    from ratecast.rates.tables import load_csv

    return screened(load_csv(csv), today, keep_outliers=keep_outliers)


def newest(source: Screened, pair: str) -> dict[dt.date, float]:
    """Returns the newest rates of a pair by day, without a hole among them; as many as a forecast uses.

    Raises:
        UsageError: there are fewer than a forecast needs.
    """
    from ratecast.contract.messages import MIN_HISTORY
    from ratecast.model.features import WINDOW
    from ratecast.rates.tables import series

    stretches = series(source.table, pair)
    found = len(stretches[-1].rates) if stretches else 0
    if found < MIN_HISTORY:
        since = f" since {stretches[-1].dates[0]}" if stretches else ""
        raise UsageError(
            f"{source.table.source} has {counted(found, 'rate')} of {pair}{since}; a forecast needs {MIN_HISTORY}"
            f"{source.remark()}"
        )
    days: list[dt.date] = stretches[-1].dates[-WINDOW:].tolist()
    return dict(zip(days, stretches[-1].rates[-WINDOW:].tolist(), strict=True))


def remarks(source: Screened, pair: str, since: dt.date) -> Iterator[str]:
    """Yields a sentence on the rates of a pair, from a day on, that were left out.

    Args:
        source: the rates.
        pair: the pair.
        since: day of the oldest rate that its forecast uses.
    """
    faulty = [rate for rate in source.left_out if _concerns(rate, pair) and rate.day >= str(since)]
    if faulty:
        last = faulty[-1]
        more = f" and {counted(len(faulty) - 1, 'other rate')}" if len(faulty) > 1 else ""
        yield (
            f"Left out because it looks like a fault: {last.pair} {last.day}, {last.rate:.6g} ({last.rule}){more}. "
            "--keep-outliers keeps such rates."
        )
    if source.copies is not None:
        count = source.copies.weekends + source.copies.holidays
        yield (
            f"Left out: {counted(count, 'row')} of Saturdays, Sundays and holidays that only repeat the rate before."
        )


def _concerns(rate: LeftOut, pair: str) -> bool:
    """Whether a pair's rates come from a column: its own, its inverse, or one that it is a cross of."""
    return rate.pair == pair or bool((set(rate.pair.split("/")) & set(pair.split("/"))) - {"EUR"})
