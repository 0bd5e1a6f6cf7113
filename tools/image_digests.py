"""Pins images by digest: ``python -m tools.image_digests REGISTRY FILE...``.

A tag can be moved to another image, a digest cannot. The script asks a registry which image each tag of a Dockerfile or compose file
names now, and writes ``name:tag@sha256:...``. Docker then pulls by the digest, and the tag stays for readers.
The protocol is the OCI Distribution Specification 1.1, https://github.com/opencontainers/distribution-spec.
"""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# An index names the images of all processors. With the digest of a single image the stack would run on one kind only.
_ACCEPT = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)
_IMAGE = re.compile(
    r"^(?P<before>FROM |\s+image: )(?P<name>[a-z0-9][\w./-]*):(?P<tag>[\w][\w.-]*)(?:@sha256:[0-9a-f]{64})?(?=\s|$)",
    re.MULTILINE,
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')
_OURS = "ratecast/"  # built here, and in no registry
_TIMEOUT_SECONDS = 30.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class DigestError(Exception):
    """A registry did not give the digest of an image."""


def pinned(text: str, digest_of: Callable[[str, str], str]) -> str:
    """Return a Dockerfile or compose file in which every image of others has its digest.

    Args:
        text: the file.
        digest_of: returns the digest of a name and a tag.

    >>> print(pinned("FROM python:3.11 AS tools", lambda name, tag: "sha256:" + "0" * 64)[:27])
    FROM python:3.11@sha256:000
    """

    def with_digest(found: re.Match[str]) -> str:
        before, name, tag = found["before"], found["name"], found["tag"]
        if name.startswith(_OURS):
            return found[0]
        return f"{before}{name}:{tag}@{digest_of(name, tag)}"

    return _IMAGE.sub(with_digest, text)


class Registry:
    """Asks a registry for digests, each once.

    Args:
        url: its address, ``https://`` except on loopback.

    Raises:
        DigestError: the address is not safe.
    """

    def __init__(self, url: str) -> None:
        self._url = _checked(url).rstrip("/")
        self._known: dict[tuple[str, str], str] = {}
        self._client = httpx.Client(timeout=_TIMEOUT_SECONDS)

    def digest(self, name: str, tag: str) -> str:
        """Return the digest of what a tag names, as it is computed from the manifest that the registry sends.

        Raises:
            DigestError: there is no such image, or the registry's answer contradicts itself.
        """
        if (name, tag) not in self._known:
            self._known[name, tag] = self._asked(name, tag)
        return self._known[name, tag]

    def _asked(self, name: str, tag: str) -> str:
        # Images without an owner are kept under "library".
        path = name if "/" in name else f"library/{name}"
        address = f"{self._url}/v2/{path}/manifests/{tag}"
        try:
            answer = self._client.get(address, headers={"Accept": _ACCEPT})
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                token = self._token(answer.headers.get("WWW-Authenticate", ""))
                headers = {"Accept": _ACCEPT, "Authorization": f"Bearer {token}"}
                answer = self._client.get(address, headers=headers)
        except httpx.HTTPError as error:
            raise DigestError(f"{name}:{tag}: {self._url} does not answer: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise DigestError(f"{name}:{tag}: {self._url} answers {answer.status_code}")
        digest = f"sha256:{hashlib.sha256(answer.content).hexdigest()}"
        said = answer.headers.get("Docker-Content-Digest", digest)
        if said != digest:
            raise DigestError(f"{name}:{tag}: the registry says {said[:80]!r}, and its manifest has {digest}")
        return digest

    def _token(self, challenge: str) -> str:
        """Return a token for reading, from the service that a registry names in its challenge."""
        kind, _, rest = challenge.partition(" ")
        parameters = dict(_CHALLENGE.findall(rest))
        if kind.lower() != "bearer" or "realm" not in parameters:
            raise DigestError(f"{self._url} asks for a login that is not supported: {challenge[:80]!r}")
        realm = _checked(parameters.pop("realm"))
        answer = self._client.get(realm, params=parameters)
        try:
            body = answer.json()
            return str(body.get("token") or body["access_token"])
        except (ValueError, KeyError, AttributeError):
            raise DigestError(f"{realm} gives no token (status {answer.status_code})") from None


def _checked(url: str) -> str:
    """Return an address to which a request may go."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise DigestError(f"{url!r} must begin with https://")


def main(arguments: Sequence[str]) -> int:
    """Pin the images of files; nothing is written unless every digest is known."""
    if len(arguments) < 2:
        print("usage: python -m tools.image_digests REGISTRY FILE...", file=sys.stderr)  # noqa: T201
        return 2
    url, *names = arguments
    try:
        registry = Registry(url)
        texts = {
            Path(name): pinned(Path(name).read_text(encoding="utf-8"), registry.digest) for name in names
        }
    except (DigestError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
