from __future__ import annotations

import pytest

from ratecast.errors import BrokerUnavailableError
from ratecast_cli import session

NOWHERE = "nowhere.invalid:9092"  # RFC 6761: this name never resolves


@pytest.fixture(autouse=True)
def _no_logging(monkeypatch):
    monkeypatch.setattr("ratecast_cli.logs.configure_logging", lambda _: None)
    monkeypatch.setattr("ratecast_cli.logs.quiet_client", lambda _: None)


def test_an_address_that_cannot_be_resolved_is_reported_at_once():
    with pytest.raises(
        BrokerUnavailableError, match=r"^no address found for nowhere\.invalid: check --bootstrap-serv"
    ):
        session.prepare(bootstrap_servers=NOWHERE)


def test_services_wait_for_names_and_commands_without_brokers_need_none():
    assert session.prepare(bootstrap_servers=NOWHERE, waits_for_names=True).bootstrap_servers == NOWHERE
    assert session.prepare(bootstrap_servers=NOWHERE, uses_broker=False).bootstrap_servers == NOWHERE


@pytest.mark.parametrize(
    "servers", ["127.0.0.1", "127.0.0.1:1", "[::1]:9092", "[::1]", f"{NOWHERE},127.0.0.1:9092"]
)
def test_one_address_that_can_be_resolved_is_enough(servers):
    assert session.unresolved(servers) == []
