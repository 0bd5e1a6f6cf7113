"""Reads the ECB's reference rates as XML: of one day, of 90 days, or all. Pure.

::

    <gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/…">
      <Cube><Cube time="2026-08-13"><Cube currency="USD" rate="1.1534"/></Cube></Cube>
    </gesmes:Envelope>

The parser builds no tree, so a hostile document costs no more memory than its own size. Document types and entities are
refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers.expat import errors

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from producer.feed.formats.collected_rates import CollectedRates
from producer.feed.formats.day_rules import ecb_days
from producer.feed.formats.notation import CURRENCY, shown
from producer.feed.formats.whole_answers import no_rates, refused
from producer.feed.source import Reason

if TYPE_CHECKING:
    import datetime as dt

    from producer.feed.source import Answer

BASE = "EUR"
_TOO_SHORT = frozenset(
    errors.codes[message]
    for message in (
        errors.XML_ERROR_NO_ELEMENTS,
        errors.XML_ERROR_UNCLOSED_TOKEN,
        errors.XML_ERROR_PARTIAL_CHAR,
        errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)


def parse(body: bytes, today: dt.date, source: str = "ecb") -> Answer:
    """Return the rates of a document, in units per euro.

    A document that ends too early is refused as a whole: it comes again, and its last rate may be cut.

    Args:
        body: the document.
        today: the day in Frankfurt.
        source: name of the source.

    >>> import datetime
    >>> body = b"<E><Cube><Cube time='2026-08-13'><Cube currency='USD' rate='1.1534'/></Cube></Cube></E>"
    >>> parse(body, datetime.date(2026, 8, 13)).table.columns
    {'EUR/USD': array([1.1534])}
    """
    if fault := no_rates(body):
        return fault
    collected = CollectedRates(source, ecb_days(today))
    cubes = _Cubes(collected)
    parser = DefusedXMLParser(target=cubes, forbid_dtd=True)
    try:
        parser.feed(body)
        parser.close()
    except ParseError as error:
        reason = Reason.TRUNCATED if error.code in _TOO_SHORT else Reason.MALFORMED
        what = "the XML ends too early" if reason is Reason.TRUNCATED else "no XML"
        return refused(reason, f"{what}: {error}")
    except DefusedXmlException as error:
        return refused(Reason.MALFORMED, f"XML with a document type or entities: {type(error).__name__}")
    except (ValueError, LookupError) as error:  # an encoding that the parser does not know
        return refused(Reason.MALFORMED, f"no XML: {shown(str(error))}")
    if not cubes.days:
        return refused(Reason.MALFORMED, "XML without any <Cube time=…>: these are not the ECB's rates")
    return collected.answer()


class _Cubes:
    """Target of the parser: takes the rates from the attributes of the elements named Cube."""

    def __init__(self, collected: CollectedRates) -> None:
        self.days = 0
        self._collected = collected
        self._depth = 0
        self._depth_of_day = 0  # of the open element with a time; 0 if none is open
        self._day: dt.date | None = None
        self._time = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.rpartition("}")[2] != "Cube":
            return
        self._depth += 1
        if "time" in attributes:
            self.days += 1
            self._time, self._depth_of_day = attributes["time"].strip(), self._depth
            self._day = self._collected.day(self._time, "Cube")
        elif attributes:
            self._rate(attributes.get("currency", ""), attributes.get("rate"))

    def end(self, tag: str) -> None:
        if tag.rpartition("}")[2] != "Cube":
            return
        if self._depth == self._depth_of_day:
            self._depth_of_day = 0
        self._depth -= 1

    def close(self) -> None:
        pass

    def _rate(self, currency: str, rate: str | None) -> None:
        if not self._depth_of_day:
            self._collected.refuse(Reason.MALFORMED, f"a rate of {shown(currency)} outside of any day")
        elif not CURRENCY.fullmatch(currency) or rate is None:
            self._collected.refuse(
                Reason.MALFORMED, f"Cube of {shown(self._time)}: {shown(currency)} is no currency with a rate"
            )
        elif currency == BASE:
            self._collected.refuse(
                Reason.WRONG_BASE, f"Cube of {shown(self._time)}: a rate of {BASE}, which is the base itself"
            )
        else:
            self._collected.add(f"{BASE}/{currency}", self._day, rate.strip(), "Cube")
