from __future__ import annotations

import re
from pathlib import Path

import pytest

from ratecast.errors import UsageError
from ratecast.settings import ENV_PREFIX, Settings, check_environment, load_settings

ROOT = Path(__file__).parents[2]
SETTINGS_PAGE = ROOT / "docs" / "reference" / "settings.md"
TEXTS = ("", ".example", ".ipynb", ".md", ".ps1", ".py", ".sh", ".toml", ".tpl", ".txt", ".yaml", ".yml")


def test_an_option_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATECAST_GROUP_ID", "from-environment")
    assert load_settings().group_id == "from-environment"
    assert load_settings(group_id="from-option").group_id == "from-option"
    assert load_settings(group_id=None).group_id == "from-environment"


@pytest.mark.parametrize(
    ("name", "value", "requirement"),
    [
        ("HTTP_PORT", "eighty", "must be a whole number"),
        ("HTTP_PORT", "70000", "must be at most 65535"),
        ("HTTP_PORT", "-1", "must be at least 0"),
        ("HTTP_PORT", "80.5", "must be a whole number"),
        ("CONNECT_TIMEOUT_SECONDS", "soon", "must be a number"),
        ("CONNECT_TIMEOUT_SECONDS", "0", "must be greater than 0"),
        ("SSL_CHECK_HOSTNAME", "maybe", "must be true or false"),
        ("SECURITY_PROTOCOL", "TLS", "must be 'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"),
        ("LOG_LEVEL", "loud", "must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("BOOTSTRAP_SERVERS", "127.0.0.1:abc", "must be host:port addresses separated by commas"),
        ("BOOTSTRAP_SERVERS", "127.0.0.1:99999", "must be host:port addresses separated by commas"),
        ("BOOTSTRAP_SERVERS", "http://127.0.0.1:9092", "must be host:port addresses separated by commas"),
        ("BOOTSTRAP_SERVERS", "one:9092;two:9092", "must be host:port addresses separated by commas"),
        (
            "GROUP_INSTANCE_ID",
            "worker 1",
            "must be 1 to 249 letters, digits, dots, hyphens or underscores, and not . or ..",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_what_it_must_be_and_the_value_it_has(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, requirement: str
) -> None:
    monkeypatch.setenv(ENV_PREFIX + name, value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value) == f"{ENV_PREFIX}{name} {requirement}, got {value!r}"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RATECAST_HTTP_PROT", "RATECAST_HTTP_PROT is not a setting: did you mean RATECAST_HTTP_PORT?"),
        ("RATECAST_MODEL_DIR", "RATECAST_MODEL_DIR is not a setting: did you mean RATECAST_MODELS_DIR?"),
        ("ratecast_grup_id", "is not a setting: did you mean RATECAST_GROUP_ID?"),
        ("RATECAST_", "is not a setting; the documentation lists all settings"),
        ("RATECAST_XYZZY", "RATECAST_XYZZY is not a setting; the documentation lists all settings"),
        ("RATECAST_TESTS_X", "RATECAST_TESTS_X is not a setting"),
        ("RATECAST_HTTP_PROT_PORT", "RATECAST_HTTP_PROT_PORT is not a setting"),
        ("RATECAST_MY_SERVICE", "RATECAST_MY_SERVICE is not a setting"),
    ],
)
def test_an_unknown_variable_is_rejected_in_one_line_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    """The value may be a password."""
    monkeypatch.setenv(name, "hush")
    with pytest.raises(UsageError) as caught:
        load_settings(http_port=1)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATECAST_TEST_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
        ("RATECAST_CHAOS_BREAK", "no-seek"),
        ("ratecast_group_id", "mine"),
        ("RATECAST", "x"),
        ("MY_RATECAST_X", "x"),
        # As Kubernetes sets them for Services named "ratecast" and "ratecast-worker".
        ("RATECAST_SERVICE_HOST", "10.0.0.11"),
        ("RATECAST_SERVICE_PORT", "8000"),
        ("RATECAST_SERVICE_PORT_METRICS", "8000"),
        ("RATECAST_PORT", "tcp://10.0.0.11:8000"),
        ("RATECAST_WORKER_PORT", "tcp://10.0.0.11:8000"),
        ("RATECAST_WORKER_PORT_8000_TCP", "tcp://10.0.0.11:8000"),
        ("RATECAST_WORKER_PORT_8000_TCP_PROTO", "tcp"),
        ("RATECAST_PORT_8000_TCP_ADDR", "10.0.0.11"),
    ],
)
def test_a_variable_of_somebody_else_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert load_settings().http_port == 8000


def test_variables_count_in_any_case_as_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Ratecast_Group_Id", "mine")
    assert load_settings().group_id == "mine"


@pytest.mark.parametrize("value", ["", " "])
@pytest.mark.parametrize("name", Settings.model_fields)
def test_an_empty_variable_is_rejected_unless_an_option_replaces_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    variable = f"{ENV_PREFIX}{name.upper()}"
    monkeypatch.setenv(variable, value)
    default = Settings.model_fields[name].default
    result = "" if default is None else f" to use the default, {default}"
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value) == f"{variable} is empty: give it a value, or unset it{result}"
    if default is not None:
        assert getattr(load_settings(**{name: default}), name) == default


def test_every_variable_that_the_repository_sets_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the stack, its scripts, the programs, the benchmarks and the documents."""
    texts = [
        path.read_text(encoding="utf-8")
        for folder in (
            "",
            "benchmarks",
            "consumer",
            "deploy",
            "docs",
            "examples",
            "monitoring",
            "producer",
            "ratecast_stack",
            "sink",
            "training",
            "web",
        )
        for path in sorted((ROOT / folder).glob("**/*" if folder else "*"))
        if path.is_file() and path.suffix in TEXTS
    ]
    names = set(re.findall(r"\bRATECAST_[A-Z0-9_]*[A-Z0-9]\b(?![_*])", "".join(texts)))
    assert len(names) > 20
    for name in names:
        monkeypatch.setenv(name, "x")
    check_environment()


def test_a_wrong_option_is_named_as_an_option() -> None:
    with pytest.raises(UsageError, match="--http-port must be at least 0, got -1"):
        load_settings(http_port=-1)


@pytest.mark.parametrize(
    "servers", ["localhost", "kafka-1.example:9092, kafka_2:9093", "[::1]:9092", "10.0.0.1:1"]
)
def test_addresses_of_brokers_are_taken_as_kafka_s_clients_take_them(servers: str) -> None:
    assert load_settings(bootstrap_servers=servers).bootstrap_servers == servers


@pytest.mark.parametrize("name", ["input_topic", "output_topic"])
def test_a_topic_must_not_be_two_things(name: str) -> None:
    with pytest.raises(UsageError, match="must be three different topics"):
        load_settings(**{name: "x", "dead_letter_topic": "x"})


def test_sasl_without_credentials_is_rejected() -> None:
    with pytest.raises(UsageError, match="needs RATECAST_SASL_USERNAME and RATECAST_SASL_PASSWORD"):
        load_settings(security_protocol="SASL_SSL")


def test_a_key_without_its_certificate_is_rejected(tmp_path) -> None:
    with pytest.raises(UsageError, match="RATECAST_SSL_CERTFILE"):
        load_settings(security_protocol="SSL", ssl_keyfile=tmp_path / "key.pem")


def test_a_password_is_not_printed() -> None:
    settings = load_settings(security_protocol="SASL_SSL", sasl_username="u", sasl_password="hush")  # noqa: S106 - invented
    assert "hush" not in repr(settings)


def test_the_reference_lists_every_setting_with_its_default() -> None:
    page = SETTINGS_PAGE.read_text(encoding="utf-8")
    rows = dict(re.findall(rf"^\| `{ENV_PREFIX}([A-Z_]+)` \| `?([^|`]*)`? \|", page, re.MULTILINE))
    expected = {
        name.upper(): ""
        if field.default is None
        else str(field.default).lower()
        if isinstance(field.default, bool)
        else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    assert {name: default.strip() for name, default in rows.items()} == expected
