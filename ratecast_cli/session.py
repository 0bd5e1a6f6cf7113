"""What every command does first: read the settings, set up the log, check the brokers' addresses."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ratecast.errors import BrokerUnavailableError
from ratecast.settings import load_settings
from ratecast_cli import logs

if TYPE_CHECKING:
    from ratecast.settings import Settings

_DEFAULT_PORT = "9092"


def prepare(*, waits_for_names: bool = False, uses_broker: bool = True, **overrides: object) -> Settings:
    """Returns the settings of a command, after the log was configured.

    Args:
        waits_for_names: go on with broker addresses that cannot be resolved. A service retries them: its brokers may
            start later, and their names exist only then.
        uses_broker: whether the command connects at all.
        overrides: settings given as options; None means not given.

    Raises:
        UsageError: a setting is not valid.
        BrokerUnavailableError: no address of a broker can be resolved.
    """
    settings = load_settings(**overrides)
    logs.configure_logging(settings)
    logs.quiet_client(settings)
    if uses_broker and not waits_for_names and (names := unresolved(settings.bootstrap_servers)):
        raise BrokerUnavailableError(
            f"no address found for {', '.join(names)}: check --bootstrap-servers or RATECAST_BOOTSTRAP_SERVERS"
        )
    return settings


def unresolved(bootstrap_servers: str) -> list[str]:
    """Returns the host names, if not one of the brokers' addresses can be resolved; an empty list otherwise.

    >>> unresolved("127.0.0.1:9092,nowhere.invalid:9092")
    []
    """
    names = []
    for server in bootstrap_servers.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or port.endswith("]"):  # without a port; brackets enclose an IPv6 address
            host, port = server.strip(), _DEFAULT_PORT
        try:
            socket.getaddrinfo(host.strip("[]"), port)
        except OSError:
            names.append(host)
        else:
            return []
    return names
