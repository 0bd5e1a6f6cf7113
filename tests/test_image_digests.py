"""Images are pinned by the digests of a registry: one on loopback that asks for a token, as public ones do."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.brokers import free_port
from tests.test_compose import ROOT
from tools.image_digests import DigestError, Registry, main

FILES = ("Dockerfile", "docker-compose.yml")
EXTERNAL = re.compile(r"^(?:FROM |\s+image: )([\w./-]+:[\w.-]+)", re.MULTILINE)


class FakeRegistry:
    """Knows a manifest for each image; a request needs the token that its realm gives for that image."""

    def __init__(self) -> None:
        self.said: str | None = None  # instead of the true digest
        self.realm: str | None = None
        self.missing: set[str] = set()
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/token":
                    (scope,) = parse_qs(parts.query)["scope"]
                    self._answer(200, json.dumps({"token": f"for {scope}"}).encode())
                    return
                _, _, name, tag = re.fullmatch(r"(/v2)(/)(.+)/manifests/(.+)", parts.path).groups()
                scope = f"repository:{name}:pull"
                if self.headers.get("Authorization") != f"Bearer for {scope}":
                    realm = outer.realm or f"{outer.url}/token"
                    self._answer(
                        401, b"", ("WWW-Authenticate", f'Bearer realm="{realm}",service="s",scope="{scope}"')
                    )
                elif name in outer.missing:
                    self._answer(404, b"")
                else:
                    outer.asked.append(f"{name}:{tag}")
                    assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
                    body = manifest(name, tag)
                    self._answer(200, body, ("Docker-Content-Digest", outer.said or digest(body)))

            def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
                self.send_response(status)
                for header in (*headers, ("Content-Length", str(len(body)))):
                    self.send_header(*header)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def manifest(name: str, tag: str) -> bytes:
    return json.dumps({"schemaVersion": 2, "of": f"{name}:{tag}"}).encode()


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


@pytest.fixture
def registry():
    fake = FakeRegistry()
    yield fake
    fake.close()


def test_every_image_of_others_gets_its_digest_and_a_second_run_changes_nothing(registry, tmp_path):
    copies = [tmp_path / name for name in FILES]
    for name, copy in zip(FILES, copies, strict=True):
        copy.write_text((ROOT / name).read_text())
    arguments = [registry.url, *map(str, copies)]
    assert main(arguments) == 0
    first = [copy.read_text() for copy in copies]
    images = {image for name in FILES for image in EXTERNAL.findall((ROOT / name).read_text())}
    others = {image for image in images if not image.startswith("ratecast/")}
    assert len(others) >= 7
    for image in others:
        name, tag = image.split(":")
        full = name if "/" in name else f"library/{name}"
        assert any(f"{image}@{digest(manifest(full, tag))}" in text for text in first), image
    assert not re.search(r"ratecast/\w+:[\w.]+@", "".join(first))
    assert len(registry.asked) == len(set(registry.asked)) == len(others)
    assert main(arguments) == 0
    assert [copy.read_text() for copy in copies] == first


def test_a_digest_that_is_not_the_manifests_is_refused_and_nothing_is_written(registry, tmp_path, capsys):
    (tmp_path / "Dockerfile").write_text("FROM python:3.11 AS tools\n")
    registry.said = "sha256:" + "0" * 64
    assert main([registry.url, str(tmp_path / "Dockerfile")]) == 1
    assert "the registry says 'sha256:0000" in capsys.readouterr().err
    assert (tmp_path / "Dockerfile").read_text() == "FROM python:3.11 AS tools\n"


def test_one_missing_image_leaves_every_file_as_it_was(registry, tmp_path, capsys):
    (tmp_path / "one").write_text("FROM python:3.11\n")
    (tmp_path / "two").write_text("    image: apache/kafka:4.3.1\n")
    registry.missing = {"apache/kafka"}
    assert main([registry.url, str(tmp_path / "one"), str(tmp_path / "two")]) == 1
    assert capsys.readouterr().err == f"error: apache/kafka:4.3.1: {registry.url} answers 404\n"
    assert (tmp_path / "one").read_text() == "FROM python:3.11\n"


def test_a_token_is_not_fetched_from_an_address_without_tls(registry):
    registry.realm = "http://collector.example/token"
    with pytest.raises(DigestError, match="must begin with https://"):
        Registry(registry.url).digest("python", "3.11")


def test_a_registry_without_tls_or_without_an_answer_is_one_line(tmp_path, capsys):
    (tmp_path / "Dockerfile").write_text("FROM python:3.11\n")
    for url in ("http://registry.example", f"http://127.0.0.1:{free_port()}"):
        assert main([url, str(tmp_path / "Dockerfile")]) == 1
        assert re.fullmatch(r"error: .*\n", capsys.readouterr().err)
    assert main([]) == 2
