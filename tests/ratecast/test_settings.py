from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratecast.errors import UsageError
from ratecast.settings import ENV_PREFIX, Settings, load_settings

README = Path(__file__).parents[2] / "README.md"


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATECAST_GROUP_ID", "from-environment")
    assert load_settings().group_id == "from-environment"
    assert load_settings(group_id="from-option").group_id == "from-option"
    assert load_settings(group_id=None).group_id == "from-environment"


@pytest.mark.parametrize(
    ("name", "value", "label"),
    [
        ("RATECAST_HTTP_PORT", "eighty", "RATECAST_HTTP_PORT"),
        ("RATECAST_HTTP_PORT", "70000", "RATECAST_HTTP_PORT"),
        ("RATECAST_SECURITY_PROTOCOL", "TLS", "RATECAST_SECURITY_PROTOCOL"),
        ("RATECAST_LOG_LEVEL", "loud", "RATECAST_LOG_LEVEL"),
        ("RATECAST_BOOTSTRAP_SERVERS", "127.0.0.1:abc", "RATECAST_BOOTSTRAP_SERVERS"),
        ("RATECAST_BOOTSTRAP_SERVERS", "127.0.0.1:99999", "RATECAST_BOOTSTRAP_SERVERS"),
        ("RATECAST_BOOTSTRAP_SERVERS", "http://127.0.0.1:9092", "RATECAST_BOOTSTRAP_SERVERS"),
        ("RATECAST_BOOTSTRAP_SERVERS", "one:9092;two:9092", "RATECAST_BOOTSTRAP_SERVERS"),
        ("RATECAST_BOOTSTRAP_SERVERS", "", "RATECAST_BOOTSTRAP_SERVERS"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, label: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=label) as caught:
        load_settings()
    assert "\n" not in str(caught.value)
    assert value in str(caught.value)


def test_a_wrong_option_is_named_as_an_option() -> None:
    with pytest.raises(UsageError, match="--http-port"):
        load_settings(http_port=-1)


@pytest.mark.parametrize(
    "servers", ["localhost", "kafka-1.example:9092, kafka_2:9093", "[::1]:9092", "10.0.0.1:1"]
)
def test_addresses_of_brokers_are_taken_as_kafka_s_clients_take_them(servers: str) -> None:
    assert load_settings(bootstrap_servers=servers).bootstrap_servers == servers


@pytest.mark.parametrize("name", ["input_topic", "output_topic"])
def test_a_topic_must_not_be_two_things(name: str) -> None:
    with pytest.raises(UsageError, match="must be three"):
        load_settings(**{name: "x", "dead_letter_topic": "x"})


def test_sasl_without_credentials_is_refused() -> None:
    with pytest.raises(UsageError, match="SASL user and password"):
        load_settings(security_protocol="SASL_SSL")


def test_a_key_without_its_certificate_is_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="RATECAST_SSL_CERTFILE"):
        load_settings(security_protocol="SSL", ssl_keyfile=tmp_path / "key.pem")


def test_a_password_is_not_printed() -> None:
    settings = load_settings(security_protocol="SASL_SSL", sasl_username="u", sasl_password="hush")  # noqa: S106 - invented
    assert "hush" not in repr(settings)


def test_the_readme_lists_every_setting_with_its_default() -> None:
    rows = dict(
        re.findall(rf"^\| `{ENV_PREFIX}([A-Z_]+)` \| `?([^|`]*)`? \|", README.read_text(), re.MULTILINE)
    )
    expected = {
        name.upper(): ""
        if field.default is None
        else str(field.default).lower()
        if isinstance(field.default, bool)
        else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert {name: default.strip() for name, default in rows.items()} == expected
