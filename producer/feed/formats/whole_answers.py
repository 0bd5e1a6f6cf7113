"""Finds answers that are no rates at all: nothing, an error page, a foreign encoding. Pure."""

from __future__ import annotations

import codecs
import re

from producer.feed.formats.notation import shown
from producer.feed.source import Answer, Reason, Refusal

MAX_BYTES = 16 * 1024 * 1024  # after decompression; the ECB's whole history has 2 MB as CSV and 8 MB as XML
_HEAD = 2048
_TITLE = re.compile(rb"<(title|h1)[^>]*>([^<]{1,200})", re.IGNORECASE)


def refused(reason: Reason, detail: str) -> Answer:
    """Return an answer of which nothing is taken."""
    return Answer(None, (Refusal(reason, detail),))


def no_rates(body: bytes, *, json: bool = False) -> Answer | None:
    """Return the refusal of an answer that is no data of any kind; None if it may be data.

    Args:
        body: the answer.
        json: whether the source sends JSON. Elsewhere a JSON object is an error message.

    >>> no_rates(b"<html><title>Service unavailable</title>").refusals[0].detail
    "an HTML page instead of rates: 'Service unavailable'"
    """
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return refused(Reason.MALFORMED, "the text is UTF-16: UTF-8 is needed")
    if len(body) > MAX_BYTES:
        return refused(Reason.TOO_LARGE, f"more than {MAX_BYTES // 2**20} MB: no list of rates is so long")
    head = body[:_HEAD].removeprefix(codecs.BOM_UTF8).lstrip()
    if not head:
        return refused(Reason.EMPTY, f"the answer is empty ({len(body)} bytes)")
    lowered = head.lower()
    if lowered.startswith((b"<!doctype html", b"<html")) or (
        lowered.startswith(b"<") and b"<html" in lowered
    ):
        title = _TITLE.search(head)
        text = title[2].decode("utf-8", "replace").strip() if title else "without a title"
        return refused(Reason.ERROR_PAGE, f"an HTML page instead of rates: {shown(text)}")
    if not json and lowered.startswith(b"{"):
        text = head.decode("utf-8", "replace")
        return refused(Reason.ERROR_PAGE, f"a JSON object instead of rates: {shown(text)}")
    return None
