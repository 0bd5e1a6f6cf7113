"""Who may ask: tokens, origins, addresses."""

from __future__ import annotations

import socket

import httpx
import pytest
from pydantic import SecretStr

from ratecast.errors import UsageError
from ratecast.settings import Settings, load_settings
from tests.web.served import running_web
from web.serving import Web, listening

TOKEN = "0123456789abcdef-token"  # noqa: S105 - of this test


async def test_everything_but_health_and_files_needs_the_token(settings):
    settings = settings.model_copy(
        update={"web_token": SecretStr(TOKEN), "web_allowed_origins": "https://desk.example"}
    )
    async with running_web(settings, ready=False) as web, httpx.AsyncClient(base_url=web.url) as http:
        for path in ("/health", "/", "/app.js", "/docs", "/docs/reference.js", "/openapi.json"):
            assert (await http.get(path)).status_code == 200, path
        for path in (
            "/api/state",
            "/api/events",
            "/stream",
            "/predictions",
            "/metrics",
            "/ready",
            "/nothing",
        ):
            refused = await http.get(path)
            assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer"), path
        assert (await http.post("/predict", json={"history": [1, 2, 3]})).status_code == 401
        for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", TOKEN, "Bearer \xff"):
            headers = {"Authorization": wrong.encode("latin-1")}
            assert (await http.get("/api/state", headers=headers)).status_code == 401
        given = {"Authorization": f"bearer {TOKEN}"}
        # With a token, a name of the machine may be used: a rebound page does not know the token.
        named = await http.get("/api/state", headers={**given, "Host": "rates.example"})
        assert named.status_code == 200

        preflight = {
            "Origin": "https://desk.example",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        allowed = await http.options("/predict", headers=preflight)
        assert allowed.headers["Access-Control-Allow-Origin"] == "https://desk.example"
        foreign = await http.options("/predict", headers={**preflight, "Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in foreign.headers
        read = await http.get("/api/state", headers={**given, "Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in read.headers
        sent = await http.post(
            "/predict", json={"history": [1]}, headers={**given, "Origin": "https://desk.example"}
        )
        assert sent.status_code == 422


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
async def test_an_address_that_others_reach_needs_a_token(host):
    settings = Settings(web_host=host, web_port=0)
    with pytest.raises(UsageError, match="set RATECAST_WEB_TOKEN"):
        await Web(settings).run(handle_signals=False)
    with listening(settings.model_copy(update={"web_token": SecretStr(TOKEN)})) as listener:
        assert listener.getsockname()[1] > 0


def test_a_port_that_is_taken_is_named():
    with listening(Settings(web_port=0)) as listener:
        port = listener.getsockname()[1]
        assert listener.proto == socket.IPPROTO_TCP, (
            "asyncio would leave Nagle's algorithm on: 40 ms an answer"
        )
        with (
            pytest.raises(UsageError, match=rf"cannot listen on 127\.0\.0\.1:{port} .*RATECAST_WEB_PORT"),
            listening(Settings(web_port=port)),
        ):
            pass
    with (
        pytest.raises(UsageError, match=r"cannot listen on nowhere\.invalid"),
        listening(Settings(web_host="nowhere.invalid")),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("WEB_TOKEN", "short-secret", "must have at least 16 printable ASCII characters"),
        ("WEB_ALLOWED_ORIGINS", "desk.example", "must be origins like https://desk.example"),
        ("WEB_ALLOWED_ORIGINS", "*", "must be origins like https://desk.example"),
        ("WEB_METRICS_URLS", "localhost:8000", "must be addresses like http://127.0.0.1:8000/metrics"),
    ],
)
def test_a_wrong_setting_is_named_and_a_secret_is_not_shown(monkeypatch, name, value, words):
    monkeypatch.setenv(f"RATECAST_{name}", value)
    with pytest.raises(UsageError) as caught:
        load_settings()
    assert str(caught.value).startswith(f"RATECAST_{name} {words}")
    assert "short-secret" not in str(caught.value)


async def test_a_token_from_a_file_is_the_one_that_the_file_has_now(settings, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    from_file = Settings(**given, web_token_file=path)
    async with running_web(from_file, ready=False) as web, httpx.AsyncClient(base_url=web.url) as http:
        for new, codes in ((TOKEN, [200, 401]), (f"another-{TOKEN}", [401, 200])):
            path.write_text(new)
            headers = [{"Authorization": f"Bearer {token}"} for token in (TOKEN, f"another-{TOKEN}")]
            assert [(await http.get("/api/state", headers=one)).status_code for one in headers] == codes
