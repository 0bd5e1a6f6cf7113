"""Reads and writes small files below a URL, with limits of size and time. fsspec knows the stores."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from ratecast.errors import ModelBundleError, OperationError, UsageError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHUNK_BYTES = 2**20
_CONNECT_SECONDS = 10.0
_SILENT_SECONDS = 30.0
_MOST_SECONDS = 600.0  # for one file: a server that sends a byte now and then is not waited for without end
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


class RemoteFiles:
    """Files below a URL.

    Args:
        url: where, with a protocol that fsspec knows, such as ``s3://bucket/models`` or ``https://host/models``.

    Raises:
        UsageError: fsspec, or the package for this protocol, is missing, or the protocol is unknown.
    """

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise UsageError(
                "RATECAST_MODELS_URL needs the package fsspec: run `pip install fsspec`"
            ) from None
        self.shown = without_credentials(url.rstrip("/"))
        self._is_http = url.startswith(("http://", "https://"))
        options: dict[str, Any] = {"skip_instance_cache": True}
        if self._is_http:
            from aiohttp import ClientTimeout

            timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENT_SECONDS)
            options["client_kwargs"] = {"timeout": timeout}
        try:
            self._files, root = url_to_fs(url, **options)
        except (ImportError, ValueError) as error:
            raise UsageError(f"RATECAST_MODELS_URL {self.shown}: {_reason(error)}") from None
        self._root = root.rstrip("/")

    def read(self, name: str, most_bytes: int) -> bytes | None:
        """Return the content of a file; None if there is none. Raises what `chunks` raises."""
        try:
            return b"".join(self.chunks(name, most_bytes))
        except FileNotFoundError:
            return None

    def chunks(self, name: str, most_bytes: int) -> Iterator[bytes]:
        """Yield the content of a file.

        Raises:
            FileNotFoundError: there is none.
            ModelBundleError: it is larger than ``most_bytes``, or is no file.
            OperationError: the store cannot be reached, fails, or takes too long.
        """
        size, until = 0, time.monotonic() + _MOST_SECONDS
        try:
            with self._open(name, most_bytes) as file:
                while chunk := file.read(_CHUNK_BYTES):
                    size += len(chunk)
                    self._require_size(name, size, most_bytes)
                    self._require_time(name, until)
                    yield chunk
        except (FileNotFoundError, OperationError):
            raise
        except Exception as error:  # the stores' errors have no common base class
            raise OperationError(f"{self.shown}/{name} cannot be read: {_reason(error)}") from error

    def write(self, name: str, content: bytes) -> None:
        """Write a file. Stores show it when it is complete.

        Raises:
            OperationError: it cannot be written.
        """
        path = f"{self._root}/{name}"
        try:
            self._files.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._files.pipe_file(path, content)
        except NotImplementedError:
            raise OperationError(f"{self.shown} cannot be written to: its protocol only reads") from None
        except Exception as error:  # as above
            raise OperationError(f"{self.shown}/{name} cannot be written: {_reason(error)}") from error

    def _open(self, name: str, most_bytes: int) -> Any:
        path = f"{self._root}/{name}"
        if self._is_http:
            # Without a block size the response is streamed, and with a size no other request asks for it first.
            return self._files.open(path, "rb", block_size=0, size=1)
        self._files.invalidate_cache()
        state = self._files.info(path)
        if state["type"] != "file":
            raise ModelBundleError(f"{self.shown}/{name} is not a regular file")
        self._require_size(name, state["size"] or 0, most_bytes)
        return self._files.open(path, "rb")

    def _require_time(self, name: str, until: float) -> None:
        if time.monotonic() > until:
            raise OperationError(f"{self.shown}/{name} did not arrive within {_MOST_SECONDS:.0f} s")

    def _require_size(self, name: str, size: int, most_bytes: int) -> None:
        if size > most_bytes:
            raise ModelBundleError(f"{self.shown}/{name} has more than {most_bytes:,} bytes")


def without_credentials(text: str) -> str:
    """Return a text in which no URL has a user and a password.

    >>> without_credentials("https://me:secret@host/models")
    'https://host/models'
    """
    return _CREDENTIALS.sub("", text)


def _reason(error: Exception) -> str:
    return one_line(without_credentials(" ".join(str(error).split())), 500) or type(error).__name__
