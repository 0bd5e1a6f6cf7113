from __future__ import annotations

import sys
import time
import types
from typing import TYPE_CHECKING, Any

import pytest

from ratecast.errors import UsageError
from ratecast.kafka import oauth_tokens
from ratecast.kafka.oauth_tokens import TokenError, token_source
from ratecast.settings import load_settings
from tests.token_endpoint import CLIENT_ID, CLIENT_SECRET, TokenEndpoint, token_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ratecast.settings import Settings


@pytest.fixture(scope="module")
def tokens() -> Iterator[TokenEndpoint]:
    with token_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _new_sources() -> None:
    token_source.cache_clear()


def settings_for(**given: Any) -> Settings:
    return load_settings(security_protocol="SASL_SSL", sasl_mechanism="OAUTHBEARER", **given)


def of_endpoint(tokens: TokenEndpoint, **others: Any) -> Settings:
    given = {
        "oauth_token_url": tokens.url,
        "oauth_client_id": CLIENT_ID,
        "oauth_client_secret": CLIENT_SECRET,
    }
    return settings_for(**{**given, **others})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(oauth_tokens.time, "monotonic", lambda: now[0])
    return now


async def test_a_token_is_kept_and_renewed_before_it_expires(
    tokens: TokenEndpoint, clock: list[float]
) -> None:
    tokens.forms.clear()
    settings = of_endpoint(tokens, oauth_scope="kafka write")
    first = await token_source(settings).token()
    clock[0] += 0.79 * tokens.lifetime_seconds
    assert await token_source(settings).token() == first
    assert tokens.forms == [{"grant_type": "client_credentials", "scope": "kafka write"}]
    clock[0] += 0.02 * tokens.lifetime_seconds
    await token_source(settings).token()
    assert len(tokens.forms) == 2


async def test_an_endpoint_that_is_away_costs_nothing_while_the_token_is_valid(
    tokens: TokenEndpoint, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    settings = of_endpoint(tokens)
    source = token_source(settings)
    first = await source.token()
    tokens.redirect_to = f"{tokens.url}/elsewhere"
    try:
        clock[0] += 0.9 * tokens.lifetime_seconds
        assert await source.token() == first
        assert "gave no token: status 307" in caplog.text
        clock[0] += 0.2 * tokens.lifetime_seconds
        with pytest.raises(TokenError, match="status 307"):  # and the secret went nowhere else
            await source.token()
    finally:
        tokens.redirect_to = None


async def test_a_wrong_secret_is_one_line_without_it(tokens: TokenEndpoint) -> None:
    with pytest.raises(TokenError) as caught:
        await token_source(of_endpoint(tokens, oauth_client_secret="not-the-secret")).token()  # noqa: S106 - invented
    assert str(caught.value).endswith(f"{tokens.url} gave no token: status 401 (invalid_client)")
    assert "not-the-secret" not in repr(caught.value)


async def test_an_endpoint_that_does_not_answer_or_is_none_is_one_line(tokens: TokenEndpoint) -> None:
    away = of_endpoint(tokens, oauth_token_url="http://127.0.0.1:1/token")  # noqa: S106 - a URL
    with pytest.raises(TokenError, match=r"http://127.0.0.1:1/token gave no token: .*refused"):
        await token_source(away).token()
    for answer in ({"hello": 1}, ["token"], {"access_token": "with space"}, {"access_token": None}):
        tokens.answer = answer
        with pytest.raises(TokenError, match=r"its answer is not|something that is no token"):
            await token_source(of_endpoint(tokens)).token()
    tokens.answer = None


async def test_a_token_file_is_read_again_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first.token\n")
    source = token_source(settings_for(oauth_token_file=path))
    assert await source.token() == "first.token"
    path.write_text("second.token")
    assert await source.token() == "second.token"
    path.write_text("with\x01control")
    with pytest.raises(TokenError, match="something that is no token"):
        await source.token()
    path.unlink()
    with pytest.raises(TokenError, match=r"RATECAST_OAUTH_TOKEN_FILE: .* does not exist"):
        await source.token()


def test_without_an_answer_the_tokens_own_claim_says_how_long_it_is_valid(tokens: TokenEndpoint) -> None:
    assert 40 < oauth_tokens._lifetime(None, tokens.token("desk", 50)) <= 50
    assert oauth_tokens._lifetime(None, "opaque") == 300
    assert oauth_tokens._lifetime(-5, "opaque") == 300
    assert oauth_tokens._lifetime(7, "opaque") == 7


async def test_msk_tokens_come_from_the_signer(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Provider:
        @staticmethod
        def generate_auth_token(region: str) -> tuple[str, int]:
            asked.append(region)
            return "c2lnbmVk", int((time.time() + 900) * 1000)

    module = types.ModuleType("aws_msk_iam_sasl_signer")
    module.MSKAuthTokenProvider = Provider  # type: ignore[attr-defined]
    module.__spec__ = types.SimpleNamespace(name="aws_msk_iam_sasl_signer")  # type: ignore[assignment]
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", module)
    source = token_source(settings_for(oauth_aws_region="eu-central-1"))
    assert [await source.token() for _ in range(2)] == ["c2lnbmVk"] * 2
    assert asked == ["eu-central-1"]

    Provider.generate_auth_token = staticmethod(lambda _: 1 / 0)  # type: ignore[assignment]
    token_source.cache_clear()
    with pytest.raises(TokenError, match="no token for MSK could be signed: ZeroDivisionError"):
        await token_source(settings_for(oauth_aws_region="eu-central-1")).token()


def test_a_missing_signer_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oauth_tokens.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"needs the extra msk: pip install 'ratecast\[msk\]'"):
        token_source(settings_for(oauth_aws_region="eu-central-1"))
