"""Fetches the file with the ECB's rates of all days."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from producer.feed.ecb_source import ACCEPT, ECB_ADDRESS, HISTORY, parse
from producer.feed.polite_http import PoliteClient, Validators, checked_url

if TYPE_CHECKING:
    import datetime as dt
    from pathlib import Path

    from producer.feed.source import Refusal
    from ratecast.rates.tables import RateTable

ECB_HISTORY = ECB_ADDRESS + HISTORY


@dataclass(frozen=True)
class HistoryFile:
    """The file with the ECB's rates of all days.

    Attributes:
        content: the file as it was served.
        table: its rates, in units per euro; None if there is none to take.
        refusals: what of it was not taken.
        validators: how to ask for changes.
    """

    content: bytes
    table: RateTable | None
    refusals: tuple[Refusal, ...]
    validators: Validators


async def fetch_history(
    address: str = ECB_HISTORY,
    *,
    today: dt.date,
    ca_file: Path | None = None,
    known: Validators | None = None,
) -> HistoryFile | None:
    """Fetch the file once.

    Args:
        address: where it is: a zip, or the same as CSV or XML.
        today: the day in Frankfurt.
        ca_file: certificates to trust besides the system's.
        known: the validators of the file at hand.

    Returns:
        The file; None if the server says that the file at hand is the newest.

    Raises:
        SourceUnavailableError: it cannot be fetched. The message is one line with cause and remedy.
        UsageError: the address or the file of certificates cannot be used.
    """
    url = checked_url(address)
    client = PoliteClient(ca_file)
    try:
        page = await client.get(url, ACCEPT, known)
    finally:
        await client.close()
    if page is None:
        return None
    answer = await asyncio.to_thread(parse, page.body, today)
    return HistoryFile(page.body, answer.table, answer.refusals, page.validators)
