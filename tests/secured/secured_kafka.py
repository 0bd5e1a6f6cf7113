"""An Apache Kafka that asks for TLS, certificates and logins, with the standard authorizer and an authority of its own.

One broker has all listeners, because starting one is what takes long.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiokafka.protocol.admin import CreateAclsRequest

from ratecast.kafka.client import wire_client
from ratecast.kafka.rights import Operation, Resource
from ratecast_stack.jvm.cluster import JvmCluster
from ratecast_stack.jvm.node import free_ports
from tests.certificates import Authority
from tests.token_endpoint import AUDIENCE, TokenEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from ratecast.kafka.rights import Right
    from ratecast.settings import Settings

PASSWORD = "s3cret-canary+of/all;users"  # noqa: S105 - invented
SCRAM_USERS = ("scram-256", "scram-512", "canary")
# Users for whom tests make rights: PLAIN reads them from the broker's configuration.
USERS = tuple(f"user-{number}" for number in range(80))
_LISTENERS = {
    "TLS": "SSL",
    "MTLS": "SSL",
    "SASL": "SASL_SSL",
    "SASLPLAIN": "SASL_PLAINTEXT",
    "EXPIRED": "SSL",
    "ELSEWHERE": "SSL",
}
_LOGIN = "org.apache.kafka.common.security"
_TYPES = {Resource.GROUP: 3, Resource.TRANSACTIONS: 5}  # the others are topics
_TOPIC = 2
_OPERATIONS = {Operation.READ: 3, Operation.WRITE: 4, Operation.CREATE: 5, Operation.DESCRIBE: 8}
_ALLOW, _LITERAL, _PREFIXED = 3, 3, 4


@dataclass(frozen=True)
class SecuredKafka:
    """A running broker.

    Attributes:
        ports: the port of each listener. On PLAINTEXT everybody may do everything.
        authority: signed the certificates of its listeners, and signs those of clients.
        tokens: the endpoint whose tokens it accepts.
    """

    ports: Mapping[str, int]
    authority: Authority
    tokens: TokenEndpoint

    def address(self, listener: str) -> str:
        """Returns ``host:port`` of a listener."""
        return f"127.0.0.1:{self.ports[listener]}"

    def tls(self, listener: str, **others: object) -> dict[str, object]:
        """Returns the settings of a client of a listener with TLS."""
        return {
            "bootstrap_servers": self.address(listener),
            "security_protocol": _LISTENERS[listener],
            "ssl_cafile": self.authority.certificate,
            **others,
        }

    def login(self, user: str, **others: object) -> dict[str, object]:
        """Returns the settings of a client that logs in over TLS with a password."""
        return self.tls("SASL", sasl_username=user, sasl_password=PASSWORD, **others)


@contextmanager
def secured_kafka(directory: Path, tokens: TokenEndpoint) -> Iterator[SecuredKafka]:
    """A broker with a listener for each way to connect."""
    authority = Authority(directory)
    ports = dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
    further = _properties(directory, authority, tokens)

    def configure(given: Mapping[str, object]) -> dict[str, object]:
        places = "".join(f",{name}://127.0.0.1:{port}" for name, port in ports.items())
        kinds = "".join(f",{name}:{kind}" for name, kind in _LISTENERS.items())
        return {
            **given,
            **further,
            "listeners": f"{given['listeners']}{places}",
            "advertised.listeners": f"{given['advertised.listeners']}{places}",
            "listener.security.protocol.map": f"{given['listener.security.protocol.map']}{kinds}",
        }

    users = [
        part
        for user in SCRAM_USERS
        for size in ("256", "512")
        for part in ("--add-scram", f"SCRAM-SHA-{size}=[name={user},password={PASSWORD}]")
    ]
    before = os.environ.get("JAVA_TOOL_OPTIONS")
    os.environ["JAVA_TOOL_OPTIONS"] = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={tokens.keys_url}"
    try:
        cluster = JvmCluster(directory / "kafka")
        cluster.configure, cluster.format_options = configure, users
        cluster.start()
    finally:
        if before is None:
            del os.environ["JAVA_TOOL_OPTIONS"]
        else:
            os.environ["JAVA_TOOL_OPTIONS"] = before
    try:
        plain = int(cluster.bootstrap_servers.rpartition(":")[2])
        yield SecuredKafka({"PLAINTEXT": plain, **ports}, authority, tokens)
    finally:
        cluster.stop()


def _properties(directory: Path, authority: Authority, tokens: TokenEndpoint) -> dict[str, object]:
    good = _keystore(directory, "broker", *authority.issue("broker", "127.0.0.1", "localhost"))
    expired = _keystore(directory, "old", *authority.issue("expired", "127.0.0.1", expired=True))
    elsewhere = _keystore(directory, "other", *authority.issue("elsewhere", "kafka.example"))
    stores = {
        "TLS": good,
        "MTLS": good,
        "SASL": good,
        "EXPIRED": expired,
        "ELSEWHERE": elsewhere,
    }
    properties: dict[str, object] = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS;User:admin",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": authority.certificate,
        "listener.name.mtls.ssl.client.auth": "required",
        "sasl.oauthbearer.jwks.endpoint.url": tokens.keys_url,
        "sasl.oauthbearer.expected.audience": AUDIENCE,
    }
    for listener, store in stores.items():
        properties[f"listener.name.{listener.lower()}.ssl.keystore.type"] = "PEM"
        properties[f"listener.name.{listener.lower()}.ssl.keystore.location"] = store
    users = " ".join(f'user_{user}="{PASSWORD}"' for user in ("admin", *USERS))
    jaas = {
        "plain": f"{_LOGIN}.plain.PlainLoginModule required {users};",
        "scram-sha-256": f"{_LOGIN}.scram.ScramLoginModule required;",
        "scram-sha-512": f"{_LOGIN}.scram.ScramLoginModule required;",
        "oauthbearer": f"{_LOGIN}.oauthbearer.OAuthBearerLoginModule required;",
    }
    for listener in ("sasl", "saslplain"):
        of_listener = f"listener.name.{listener}"
        mechanisms = ",".join(jaas) if listener == "sasl" else "plain"
        properties[f"{of_listener}.sasl.enabled.mechanisms"] = mechanisms.upper()
        for mechanism in mechanisms.split(","):
            properties[f"{of_listener}.{mechanism}.sasl.jaas.config"] = jaas[mechanism]
    of_tokens = "listener.name.sasl.oauthbearer"
    properties[f"{of_tokens}.sasl.server.callback.handler.class"] = (
        f"{_LOGIN}.oauthbearer.OAuthBearerValidatorCallbackHandler"
    )
    # Connections end with their token.
    properties[f"{of_tokens}.connections.max.reauth.ms"] = 3_600_000
    return properties


def _keystore(directory: Path, name: str, certificate: Path, key: Path) -> Path:
    store = directory / f"{name}-store.pem"
    store.write_bytes(key.read_bytes() + certificate.read_bytes())
    return store


def names(settings: Settings, command: str = "worker") -> dict[Resource, str]:
    """Returns the name of each resource that the rights of a command are about."""
    begins = f"ratecast-feed-{settings.input_topic}-" if command == "feed" else f"{settings.group_id}-"
    return {
        Resource.INPUT: settings.input_topic,
        Resource.OUTPUT: settings.output_topic,
        Resource.DEAD_LETTERS: settings.dead_letter_topic,
        Resource.GROUP: settings.group_id,
        Resource.TRANSACTIONS: begins,
    }


async def allow(everything: Settings, rights: Iterable[tuple[str, Right, str]]) -> None:
    """Give rights to users.

    Args:
        everything: the settings of a user who may do everything.
        rights: for each the user, the right, and the name of what it is about.
    """
    async with wire_client(everything) as client:
        for user, right, name in rights:
            is_prefix = right.resource is Resource.TRANSACTIONS
            response: Any = await client.send(
                client.get_random_node(),
                CreateAclsRequest(
                    _TYPES.get(right.resource, _TOPIC),
                    name,
                    _PREFIXED if is_prefix else _LITERAL,
                    f"User:{user}",
                    "*",
                    _OPERATIONS[right.operation],
                    _ALLOW,
                ),
            )
            assert [code for code, _ in response.creation_responses] == [0]
