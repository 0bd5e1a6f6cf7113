"""Every way to connect works, and everything that is wrong with it is one line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiokafka.client import ConnectionGroup

from ratecast.errors import BrokerSecurityError
from ratecast.kafka.client import admin, wire_client
from ratecast.settings import Settings
from tests.certificates import Authority
from tests.forked_commands import Command
from tests.secured.secured_kafka import PASSWORD
from tests.token_endpoint import CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.secured.secured_kafka import SecuredKafka

    Case = Callable[[SecuredKafka, Path], dict[str, Any]]

LIMIT_SECONDS = 60.0  # of a busy machine; commands try for a quarter of it
FOR_EVER_SECONDS = 3600.0  # an absent broker would be waited for so long, and the test would not end


def with_certificate(kafka: SecuredKafka, authority: Authority, name: str, **how: Any) -> dict[str, Any]:
    certfile, keyfile = authority.issue(name, **how)
    return kafka.tls("MTLS", ssl_certfile=certfile, ssl_keyfile=keyfile)


def with_tokens(kafka: SecuredKafka, **others: Any) -> dict[str, Any]:
    given = {
        "sasl_mechanism": "OAUTHBEARER",
        "oauth_token_url": kafka.tokens.url,
        "oauth_client_id": CLIENT_ID,
        "oauth_client_secret": CLIENT_SECRET,
        "oauth_scope": "kafka",
    }
    return kafka.tls("SASL", **{**given, **others})


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


WAYS: dict[str, Case] = {
    "TLS": lambda kafka, _: kafka.tls("TLS"),
    "mutual TLS": lambda kafka, _: with_certificate(kafka, kafka.authority, "client"),
    "mutual TLS, encrypted key": lambda kafka, _: {
        **with_certificate(kafka, kafka.authority, "locked", password=PASSWORD),
        "ssl_password": PASSWORD,
    },
    "PLAIN": lambda kafka, _: kafka.login("user-0"),
    "PLAIN, password from a file": lambda kafka, path: kafka.tls(
        "SASL", sasl_username="user-0", sasl_password_file=written(path / "password", PASSWORD + "\n")
    ),
    "PLAIN without TLS": lambda kafka, _: {
        **kafka.login("user-0"),
        "security_protocol": "SASL_PLAINTEXT",
        "bootstrap_servers": kafka.address("SASLPLAIN"),
    },
    "SCRAM-SHA-256": lambda kafka, _: kafka.login("scram-256", sasl_mechanism="SCRAM-SHA-256"),
    "SCRAM-SHA-512": lambda kafka, _: kafka.login("scram-512", sasl_mechanism="SCRAM-SHA-512"),
    "OAUTHBEARER, client credentials": lambda kafka, _: with_tokens(kafka),
    "OAUTHBEARER, token file": lambda kafka, path: kafka.tls(
        "SASL",
        sasl_mechanism="OAUTHBEARER",
        oauth_token_file=written(path / "token", kafka.tokens.token("desk") + "\n"),
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_to_connect_works(kafka: SecuredKafka, tmp_path: Path, way: str) -> None:
    async with admin(Settings(**WAYS[way](kafka, tmp_path))) as client:
        await client.describe_topics()


WRONG: dict[str, tuple[Case, str]] = {
    "password": (
        lambda kafka, _: kafka.login("user-0") | {"sasl_password": "s3cret-but-wrong"},
        "the broker rejects the login of User:user-0 (Authentication failed: Invalid username or password): check RATEC",
    ),
    "SCRAM password": (
        lambda kafka, _: (
            kafka.login("scram-512", sasl_mechanism="SCRAM-SHA-512") | {"sasl_password": "s3cret-but-wrong"}
        ),
        "the broker rejects the login of User:scram-512",
    ),
    "mechanism": (
        lambda kafka, _: (
            kafka.login("user-0", sasl_mechanism="SCRAM-SHA-512")
            | {"security_protocol": "SASL_PLAINTEXT", "bootstrap_servers": kafka.address("SASLPLAIN")}
        ),
        "the broker does not offer the mechanism SCRAM-SHA-512: set RATECAST_SASL_MECHANISM",
    ),
    "CA": (
        lambda kafka, path: kafka.tls("TLS") | {"ssl_cafile": Authority(path, "foreign").certificate},
        "the broker's certificate is not signed by a CA that is trusted here",
    ),
    "expired certificate of the broker": (
        lambda kafka, _: kafka.tls("EXPIRED"),
        "the broker's certificate has expired: renew it on the broker",
    ),
    "host name": (
        lambda kafka, _: kafka.tls("ELSEWHERE"),
        "is for another host name (IP address mismatch, certificate is not valid for '127.0.0.1'.): use a name of",
    ),
    "plain client on a TLS port": (
        lambda kafka, _: {"bootstrap_servers": kafka.address("TLS")},
        "the port speaks TLS: set RATECAST_SECURITY_PROTOCOL to SSL or SASL_SSL",
    ),
    "TLS client on a plain port": (
        lambda kafka, _: kafka.tls("TLS") | {"bootstrap_servers": kafka.address("PLAINTEXT")},
        "the port does not speak TLS: name the brokers' TLS port",
    ),
    "no client certificate": (
        lambda kafka, _: kafka.tls("MTLS"),
        "the broker asks for a client certificate: set RATECAST_SSL_CERTFILE and RATECAST_SSL_KEYFILE",
    ),
    "expired client certificate": (
        lambda kafka, _: with_certificate(kafka, kafka.authority, "late", expired=True),
        "the broker rejects the client certificate",
    ),
    "foreign client certificate": (
        lambda kafka, path: with_certificate(kafka, Authority(path, "foreign"), "stranger"),
        "the broker rejects the client certificate",
    ),
    "no login": (
        lambda kafka, _: {"bootstrap_servers": kafka.address("SASLPLAIN")},
        "closed the connection at the first request: it may ask for a login, see RATECAST_SECURITY_PROTOCOL",
    ),
    "a login where none is asked for": (
        lambda kafka, _: kafka.login("user-0") | {"bootstrap_servers": kafka.address("TLS")},
        "the broker asks for no login on this port: set RATECAST_SECURITY_PROTOCOL to SSL",
    ),
    "client secret": (
        lambda kafka, _: with_tokens(kafka) | {"oauth_client_secret": "s3cret-but-wrong"},
        "/token gave no token: status 401 (invalid_client)",
    ),
    "token": (
        lambda kafka, path: kafka.tls(
            "SASL",
            sasl_mechanism="OAUTHBEARER",
            oauth_token_file=written(path / "token", kafka.tokens.token("desk", -60)),
        ),
        """the broker rejects the login of the subject of the token ({"status":"invalid_token"}): check the token in""",
    ),
    "token file": (
        lambda kafka, path: kafka.tls("SASL", sasl_mechanism="OAUTHBEARER", oauth_token_file=path / "none"),
        "none does not exist",
    ),
}


@pytest.mark.usefixtures("_rejected_connections_may_outlive_the_loop")
@pytest.mark.parametrize("wrong", WRONG)
async def test_what_is_wrong_is_one_line_long_before_the_limit_for_absent_brokers(
    kafka: SecuredKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setattr(
        "ratecast.kafka.client._SECURITY_LIMIT_SECONDS", 0.1
    )  # for the suite; the next test has it all
    given, expected = WRONG[wrong]
    settings = Settings(connect_timeout_seconds=FOR_EVER_SECONDS, **given(kafka, tmp_path))
    with pytest.raises(BrokerSecurityError) as caught:
        async with asyncio.timeout(LIMIT_SECONDS), admin(settings):
            pass
    line = str(caught.value)
    assert expected in line
    assert "\n" not in line
    assert "s3cret" not in line


async def can_connect(client: Any) -> bool:
    """Whether this client gets a new connection now."""
    node = client.get_random_node()
    await client.force_metadata_update()
    for connection in client._conns.values():
        connection.close()
    return bool(await client.ready(node, group=ConnectionGroup.COORDINATION))


@pytest.mark.usefixtures("_rejected_connections_may_outlive_the_loop")
async def test_a_running_client_connects_with_the_password_that_its_file_has_now(
    kafka: SecuredKafka, tmp_path: Path
) -> None:
    path = written(tmp_path / "password", PASSWORD)
    settings = Settings(**kafka.tls("SASL", sasl_username="user-0", sasl_password_file=path))
    async with wire_client(settings) as client:
        path.write_text("s3cret-but-wrong")
        assert not await can_connect(client)
        path.write_text(PASSWORD)
        assert await can_connect(client)


@pytest.mark.usefixtures("_rejected_connections_may_outlive_the_loop")
async def test_a_running_client_connects_with_the_certificate_that_its_files_have_now(
    kafka: SecuredKafka, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(**with_certificate(kafka, kafka.authority, "rotated"))
    async with wire_client(settings) as client:
        certificate = settings.ssl_certfile.read_bytes()
        with_certificate(kafka, kafka.authority, "rotated", expired=True)
        assert not await can_connect(client)
        with_certificate(kafka, kafka.authority, "rotated")
        assert await can_connect(client)
        settings.ssl_certfile.write_bytes(certificate)  # and not its key yet
        assert await can_connect(client)
    assert "the client certificate cannot be used: " in caplog.text
    assert "still using what the files contained before" in caplog.text


def test_commands_end_with_that_line_and_code_1(
    kafka: SecuredKafka, models_dir: Path, tmp_path: Path
) -> None:
    environment = {
        "RATECAST_BOOTSTRAP_SERVERS": kafka.address("SASL"),
        "RATECAST_SECURITY_PROTOCOL": "SASL_SSL",
        "RATECAST_SSL_CAFILE": str(kafka.authority.certificate),
        "RATECAST_SASL_USERNAME": "user-0",
        "RATECAST_SASL_PASSWORD": "s3cret-and-wrong",
        "RATECAST_MODELS_DIR": str(models_dir),
        "RATECAST_HTTP_PORT": "0",
        "RATECAST_CONNECT_TIMEOUT_SECONDS": str(FOR_EVER_SECONDS),
    }
    commands = {}
    for name in ("topics", "worker"):
        (tmp_path / name).mkdir()
        commands[name] = Command(tmp_path / name, (name,), environment)
    for name, command in commands.items():
        done = command.result(LIMIT_SECONDS)
        assert done.code == 1, name
        last = done.err.strip().splitlines()[-1]
        assert last.startswith(
            f"error: cannot connect to {kafka.address('SASL')}: the broker rejects the login"
        )
        assert "s3cret-and-wrong" not in done.out + done.err
        assert name != "topics" or done.err.count("\n") == 1, done.err
