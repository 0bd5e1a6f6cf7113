"""An OAuth token endpoint on loopback: gives out signed tokens for client credentials, and the key that checks them."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENT_ID = "pricing desk"
CLIENT_SECRET = "s3cret:of%the+client"  # noqa: S105 - invented
AUDIENCE = "kafka"
_KEY_ID = "test-1"


class TokenEndpoint:
    """What the server gives out, for a test to change.

    Attributes:
        url: the token endpoint.
        keys_url: where brokers find the key that checks the tokens.
        lifetime_seconds: how long new tokens are valid.
        forms: the forms of all accepted requests.
        redirect_to: where to send those who ask for a token; None to answer them.
        answer: what to answer instead of a token.
    """

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.lifetime_seconds = 60.0
        self.forms: list[dict[str, str]] = []
        self.redirect_to: str | None = None
        self.answer: Any = None
        self.url = self.keys_url = ""

    def token(self, subject: str, lifetime_seconds: float | None = None) -> str:
        """Returns a signed JWT (RFC 7519)."""
        now = time.time()
        lifetime = self.lifetime_seconds if lifetime_seconds is None else lifetime_seconds
        claims = {
            "sub": subject,
            "aud": AUDIENCE,
            "iat": int(now),
            "exp": int(now + lifetime),
            "scope": "kafka",
        }
        head = {"alg": "RS256", "kid": _KEY_ID, "typ": "JWT"}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (head, claims))
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{signed}.{_encoded(signature)}"

    def keys(self) -> dict[str, Any]:
        """Returns the key set (RFC 7517)."""
        public = self._key.public_key().public_numbers()
        modulus = _encoded(public.n.to_bytes(256, "big"))
        return {
            "keys": [{"kty": "RSA", "kid": _KEY_ID, "use": "sig", "alg": "RS256", "n": modulus, "e": "AQAB"}]
        }


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """A running endpoint."""
    endpoint = TokenEndpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, endpoint.keys())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if endpoint.redirect_to is not None:
                self.send_response(307)
                self.send_header("Location", endpoint.redirect_to)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            given = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
            user, _, secret = given.partition(":")
            if (urllib.parse.unquote_plus(user), urllib.parse.unquote_plus(secret)) != (
                CLIENT_ID,
                CLIENT_SECRET,
            ):
                self._answer(401, {"error": "invalid_client"})
                return
            endpoint.forms.append(dict(urllib.parse.parse_qsl(body)))
            token = endpoint.token("desk")
            answer = {"access_token": token, "expires_in": endpoint.lifetime_seconds}
            self._answer(200, endpoint.answer or answer)

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    endpoint.url, endpoint.keys_url = f"{base}/token", f"{base}/keys"
    try:
        yield endpoint
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
