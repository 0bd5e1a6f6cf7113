"""The HTTP client of a feed, over sockets."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import re
import socket
import ssl
from typing import TYPE_CHECKING, NoReturn

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

from producer.feed.polite_http import USER_AGENT, PoliteClient, Validators, checked_url
from producer.feed.source import SourceUnavailableError
from ratecast.errors import UsageError
from ratecast.release import __version__
from ratecast_stack.children import free_port
from tests.producer.feed.rate_server import DIRECTORY, Fault, RateServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DAY = dt.date(2026, 4, 10)
PAGE = f"{DIRECTORY}eurofxref-daily.xml"
LIMIT = 200_000


@pytest.fixture
async def server() -> AsyncIterator[RateServer]:
    async with RateServer(DAY, since=dt.date(2026, 4, 1)) as server:
        yield server


@pytest.fixture
async def client() -> AsyncIterator[PoliteClient]:
    client = PoliteClient(max_body_bytes=LIMIT, timeout_seconds=20.0)
    yield client
    await client.close()


async def test_a_request_says_who_asks_and_what_it_can_read(server, client) -> None:
    page = await client.get(URL(server.url + PAGE), "text/xml")
    assert page is not None
    assert b"2026-04-10" in page.body
    assert server.seen[0].headers["User-Agent"] == USER_AGENT
    assert f"ratecast/{__version__}" in USER_AGENT
    assert server.seen[0].headers["Accept"] == "text/xml"


async def test_a_page_that_has_not_changed_is_not_sent_again(server, client) -> None:
    url = URL(server.url + PAGE)
    page = await client.get(url, "text/xml")
    assert page is not None
    assert await client.get(url, "text/xml", page.validators) is None
    assert [seen.status for seen in server.seen] == [200, 304]
    assert await client.get(url, "text/xml", Validators('"older"')) is not None


@pytest.mark.parametrize(
    ("fault", "outcome", "said"),
    [
        (Fault.NOT_FOUND, "status_404", "the path may have moved"),
        (Fault.FORBIDDEN, "status_403", "refuses this client"),
        (Fault.UNAVAILABLE, "status_503", "asked again later"),
        (Fault.TOO_OFTEN, "status_429", "asked too often"),
        (Fault.CUT_OFF, "truncated", "ended too early"),
        (Fault.MOVED_AWAY, "redirect", "no http or https address"),
        (Fault.CIRCLE, "redirect", "in circles"),
        (Fault.HUGE, "too_large", "longer than 200,000 bytes"),
        (Fault.BOMB, "too_large", "longer than 200,000 bytes"),
        (Fault.DISCONNECT, "disconnected", "closed the connection"),
    ],
)
async def test_a_page_that_cannot_be_had_is_one_line_with_cause_and_remedy(
    server, client, fault, outcome, said
) -> None:
    server.fail(fault)
    with pytest.raises(SourceUnavailableError, match=said) as raised:
        await client.get(URL(server.url + PAGE).with_user("me").with_password("secret") % {"key": "k"}, "*/*")
    assert raised.value.outcome == outcome
    message = str(raised.value)
    assert message.isprintable()
    assert message.startswith(server.url + PAGE)
    assert "secret" not in message
    assert "key" not in message


async def test_an_answer_that_never_ends_is_given_up(server) -> None:
    server.fail(Fault.SLOW)
    client = PoliteClient(timeout_seconds=0.2)
    with pytest.raises(SourceUnavailableError, match=r"within 0\.2 s") as raised:
        await client.get(URL(server.url + PAGE), "*/*")
    await client.close()
    assert raised.value.outcome == "timeout"


async def test_a_redirect_to_another_page_is_followed(server, client) -> None:
    server.fail(Fault.MOVED)
    page = await client.get(URL(server.url + PAGE), "*/*")
    assert page is not None
    assert page.url == URL(server.url + PAGE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("99999999999999999999", 86400.0),
        ("Fri, 10 Apr 2026 15:02:00 GMT", 120.0),
        ("Fri, 10 Apr 2026 14:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400.0),
        ("soon", None),
        ("-5", None),
        ("1e3", None),
        ("", None),
    ],
)
async def test_the_wish_to_wait_is_read_in_seconds_or_as_a_date_of_the_servers_clock(
    server, client, text, seconds
) -> None:
    server.fail(Fault.TOO_OFTEN)
    server.retry_after, server.date = text, "Fri, 10 Apr 2026 15:00:00 GMT"
    with pytest.raises(SourceUnavailableError) as raised:
        await client.get(URL(server.url + PAGE), "*/*")
    assert raised.value.retry_after_seconds == seconds


@pytest.mark.parametrize("host", ["nowhere.invalid", "a..b", "a" * 300])
async def test_a_host_that_is_not_there_is_named(client, host, monkeypatch) -> None:
    async def no_name_server(name: str, *_: object, **__: object) -> NoReturn:
        name.encode("idna")  # as the real one does first
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_name_server)
    with pytest.raises(SourceUnavailableError, match=f"there is no host {re.escape(host)}") as raised:
        await client.get(URL(f"https://{host}/"), "*/*")
    assert raised.value.outcome == "no_host"


async def test_a_port_without_a_server_is_named(client) -> None:
    port = free_port()
    with pytest.raises(SourceUnavailableError, match=f"no connection to 127.0.0.1:{port}") as raised:
        await client.get(URL(f"http://127.0.0.1:{port}/"), "*/*")
    assert raised.value.outcome == "refused"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ecb",
        "ftp://host/x",
        "file:///etc/passwd",
        "https://",
        "http://[::1",
        "http://host:99999/",
        "https://xn--/",
    ],
)
def test_what_is_no_address_is_refused(address) -> None:
    with pytest.raises(UsageError, match="is no address"):
        checked_url(address)


def test_a_refused_address_is_shown_without_its_password() -> None:
    with pytest.raises(UsageError) as raised:
        checked_url("ftp://me:secret@host/x?key=secret")
    assert "secret" not in str(raised.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "rates of the tests")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("tls")
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(built.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@pytest.fixture
async def tls_address(certificate, server) -> AsyncIterator[str]:
    """A server with TLS, whose path /away leads to one without."""

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/away":
            return web.Response(status=302, headers={"Location": server.url + PAGE})
        return web.Response(text="rates")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_a_certificate_of_an_unknown_issuer_is_refused_until_it_is_given(
    tls_address, client, certificate
) -> None:
    with pytest.raises(SourceUnavailableError, match=r"certificate is not trusted .* as CA file") as raised:
        await client.get(URL(tls_address), "*/*")
    assert raised.value.outcome == "tls"
    trusting = PoliteClient(certificate[0])
    page = await trusting.get(URL(tls_address), "*/*")
    await trusting.close()
    assert page is not None
    assert page.body == b"rates"


async def test_a_redirect_from_tls_to_plain_text_is_refused(tls_address, certificate) -> None:
    client = PoliteClient(certificate[0])
    with pytest.raises(SourceUnavailableError, match="without TLS") as raised:
        await client.get(URL(tls_address) / "away", "*/*")
    await client.close()
    assert raised.value.outcome == "redirect"


async def test_tls_on_a_port_without_it_is_named(server, client) -> None:
    with pytest.raises(SourceUnavailableError, match="TLS failed") as raised:
        await client.get(URL(server.url).with_scheme("https") / "x", "*/*")
    assert raised.value.outcome == "tls"


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nx\n"])
def test_a_file_without_certificates_is_refused(tmp_path, content) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=r"ca\.pem: no file of certificates in PEM"):
        PoliteClient(path)
