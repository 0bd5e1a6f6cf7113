from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.errors import SaslAuthenticationFailed

from ratecast.errors import BrokerSecurityError, BrokerUnavailableError
from ratecast.kafka import connecting
from ratecast.kafka.client import admin, wire_client
from ratecast.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


ROOT = Path(__file__).parents[3]


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[str]:
    """A port on which somebody answers."""

    async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answered, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def close_at_once(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """Do as a proxy does in front of a broker that is still starting."""


async def send_garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()


@pytest.mark.parametrize("talk", [close_at_once, send_garbage])
@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
async def test_a_port_that_is_no_broker_s_counts_as_absent_and_is_asked_until_the_limit(
    talk: Talk, protocol: Any
) -> None:
    async with listening(talk) as address:
        settings = Settings(
            bootstrap_servers=address, security_protocol=protocol, connect_timeout_seconds=0.2
        )
        with pytest.raises(BrokerUnavailableError) as caught:
            async with admin(settings):
                pass
    says_tls = isinstance(caught.value, BrokerSecurityError)
    assert says_tls == (talk is send_garbage and protocol == "SSL")
    assert "\n" not in str(caught.value)


def test_every_client_of_every_program_is_made_with_the_same_options() -> None:
    """Addresses and security come from one function, so no command can forget a setting."""
    made = [
        (path.name, found[1])
        for program in (
            "ratecast",
            "ratecast_cli",
            "consumer",
            "producer",
            "web",
            "sink",
            "training",
            "monitoring",
        )
        for path in sorted((ROOT / program).rglob("*.py"))
        for found in re.finditer(r"\bAIOKafka\w+\(\s*([^\s,)]*)", path.read_text(encoding="utf-8"))
    ]
    assert len(made) >= 6
    assert [place for place in made if place[1] != "**client_options(settings"] == []


async def test_errors_of_a_login_exchange_become_connection_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: Any, **__: Any) -> None:
        raise ValueError("Server sent wrong signature!")

    with pytest.raises(connecting.LoginExchangeError, match=r"the login with h:1 failed: .*wrong signature"):
        await connecting._observed(connect)("h", 1)

    async def untrusted(*_: Any, **__: Any) -> None:
        raise ssl.SSLCertVerificationError("a ValueError too")

    with pytest.raises(ssl.SSLCertVerificationError):
        await connecting._observed(untrusted)("h", 1)


async def test_the_client_s_own_lines_are_kept_back_only_while_we_connect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening(close_at_once) as address:
        settings = Settings(bootstrap_servers=address, connect_timeout_seconds=0.1)
        with pytest.raises(BrokerUnavailableError):
            async with admin(settings):
                pass
        assert "Unable connect" not in caplog.text
        with pytest.raises(Exception, match="Unable to bootstrap"):
            async with wire_client(settings):
                pass
        assert "Unable connect" in caplog.text


async def test_a_rejected_token_ends_the_login() -> None:
    class Provider:
        async def token(self) -> str:
            return "t"

    login = connecting.TokenLogin(sasl_oauth_token_provider=Provider())
    assert await login.step(None) is not None
    assert await login.step(b"") is None
    with pytest.raises(SaslAuthenticationFailed, match="invalid_token"):
        await login.step(b'{"status":"invalid_token"}')
