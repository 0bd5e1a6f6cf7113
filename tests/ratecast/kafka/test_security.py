from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ratecast.errors import UsageError
from ratecast.kafka.client import client_options
from ratecast.kafka.security import principal
from ratecast.settings import Settings
from tests.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path


def settings_for(authority: Authority, **given: Any) -> Settings:
    return Settings(**{"security_protocol": "SSL", "ssl_cafile": authority.certificate, **given})


def test_a_tls_file_that_cannot_be_used_is_one_line_that_names_the_setting(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certfile, keyfile = authority.issue("client")
    _, locked = authority.issue("locked", password="hush")  # noqa: S106 - invented
    (tmp_path / "text").write_text("no certificate")
    pair = {"ssl_certfile": certfile, "ssl_keyfile": keyfile}
    client_options(settings_for(authority, **pair))
    cases = (
        ({"ssl_cafile": tmp_path / "none"}, f"RATECAST_SSL_CAFILE: {tmp_path / 'none'} does not exist"),
        ({"ssl_cafile": tmp_path}, f"RATECAST_SSL_CAFILE: {tmp_path} is no file"),
        ({"ssl_cafile": tmp_path / "text"}, "RATECAST_SSL_CAFILE: "),
        ({**pair, "ssl_keyfile": tmp_path / "none"}, "RATECAST_SSL_KEYFILE: "),
        ({**pair, "ssl_keyfile": locked}, "the client certificate cannot be used: "),
        ({**pair, "ssl_keyfile": locked, "ssl_password": "wrong"}, "the client certificate cannot be used: "),
        ({"ssl_certfile": tmp_path / "text"}, "the client certificate cannot be used: "),
    )
    for given, words in cases:
        with pytest.raises(UsageError) as caught:
            client_options(settings_for(authority, **given))
        assert str(caught.value).startswith(words), given
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "User:ANONYMOUS"),
        ({"security_protocol": "SSL", "ssl_certfile": "/keys/worker.pem"}, "the subject of worker.pem"),
        (
            {"security_protocol": "SASL_SSL", "sasl_username": "ann", "sasl_password": "-"},
            "User:ann",
        ),
        (
            {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "OAUTHBEARER",
                "oauth_token_file": "/run/token",
            },
            "the subject of the token",
        ),
    ],
)
def test_the_user_is_named_as_far_as_it_is_known(given: dict[str, Any], name: str) -> None:
    assert principal(Settings(**given)) == name
