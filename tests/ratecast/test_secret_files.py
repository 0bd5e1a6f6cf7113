from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import pytest
import typer

from ratecast.errors import UsageError
from ratecast.secret_files import current_secret, read_secret
from ratecast.settings import SECRETS, Settings, load_settings
from ratecast_cli import app

if TYPE_CHECKING:
    from pathlib import Path

CANARY = "https://host/s3cret-0123456789-canary"  # one of the secrets is a URL


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_can_come_from_a_file_and_is_shown_nowhere(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text(CANARY + "\n")
    monkeypatch.setenv(f"RATECAST_{name.upper()}_FILE", str(tmp_path / "secret"))
    settings = load_settings()
    assert current_secret(settings, name) == CANARY
    assert CANARY not in repr(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_every_secret_setting_has_a_file() -> None:
    secrets = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secrets == set(SECRETS)
    assert {f"{name}_file" for name in secrets} <= Settings.model_fields.keys()


def test_no_secret_is_an_option_because_every_user_of_a_machine_sees_options() -> None:
    app.register()
    commands = list(typer.main.get_command(app.app).commands.values())
    options = set()
    while commands:
        command = commands.pop()
        commands += getattr(command, "commands", {}).values()
        options |= {parameter.name for parameter in command.params}
    assert {"bootstrap_servers", "models_dir"} < options
    assert not options & set(SECRETS)


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_only_the_line_break_at_the_end_is_removed(tmp_path: Path, ending: str) -> None:
    (tmp_path / "secret").write_bytes(f" pass wörd {ending}".encode())
    assert read_secret(tmp_path / "secret") == " pass wörd "


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"one\ntwo\n", "has more than one line"),
        (b"x" * 70_000, "has more than one line"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (None, "does not exist"),
    ],
)
def test_a_file_without_a_secret_is_one_line_that_names_the_setting_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, fault: str
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("RATECAST_SASL_PASSWORD_FILE", str(path))
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"RATECAST_SASL_PASSWORD_FILE: {path} {fault}")
    assert "\n" not in str(caught.value)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="is not a regular file"):
        read_secret(tmp_path / "pipe")


def test_a_secret_that_is_given_twice_is_rejected(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    with pytest.raises(UsageError, match="set RATECAST_WEB_TOKEN or RATECAST_WEB_TOKEN_FILE, not both"):
        load_settings(web_token=CANARY, web_token_file=tmp_path / "secret")


def test_a_changed_file_counts_at_once_and_a_faulty_one_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "secret"
    path.write_text("first")
    settings = load_settings(sasl_password_file=path)
    path.write_text("second\n")
    assert current_secret(settings, "sasl_password") == "second"
    path.unlink()
    with caplog.at_level(logging.WARNING):
        assert [current_secret(settings, "sasl_password") for _ in range(3)] == ["second"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        f"{path} does not exist: still using what it contained before"
    ]
    path.write_text("third")
    assert current_secret(settings, "sasl_password") == "third"


def test_a_password_from_a_file_is_enough_for_a_login(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-file")
    settings = load_settings(
        security_protocol="SASL_SSL", sasl_username="u", sasl_password_file=tmp_path / "secret"
    )
    assert current_secret(settings, "sasl_password") == "from-file"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "exactly one of RATECAST_OAUTH_TOKEN_URL"),
        ({"oauth_token_url": "https://x/y"}, "needs RATECAST_OAUTH_CLIENT_ID"),
        (
            {"oauth_token_url": "http://evil.example/token"},
            "--oauth-token-url must be an address like https://",
        ),
        ({"oauth_aws_region": "eu-west-1", "oauth_token_file": "t"}, "exactly one of"),
        ({"oauth_aws_region": "Ireland"}, "--oauth-aws-region"),
    ],
)
def test_tokens_come_from_one_complete_source(given: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", **given)
    assert words in str(caught.value)
