"""Reads the files of a bundle as a stranger's: regular files only, of a limited size, each opened once.

What is checked is what is used, because the bytes come from one open file and are kept. A symbolic link could point to
any file of the machine and change its target after the check, a pipe never ends, and a device may do anything when it
is opened. So each is refused when it is opened, before a byte is read.
"""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Without O_NONBLOCK, opening a pipe that nobody writes to waits for ever.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_CHUNK_BYTES = 2**20


class BundleDirectory:
    """An open directory, of which files are read by their names.

    It stays the same directory if its name is given to another one in the meantime.

    Args:
        path: its path, for messages.
        descriptor: its open file descriptor.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return the content of a file.

        Raises:
            ModelBundleError: it is not a regular file, is larger than ``most_bytes``, or changes while it is read.
            OSError: it cannot be read.
        """
        return b"".join(self._chunks(name, most_bytes))

    def sha256(self, name: str, most_bytes: int) -> str:
        """Return the SHA-256 of a file in hex, without keeping its content. Raises what `read` raises."""
        digest = hashlib.sha256()
        for chunk in self._chunks(name, most_bytes):
            digest.update(chunk)
        return digest.hexdigest()

    def has(self, name: str) -> bool:
        """Return whether there is something of this name, whatever it is."""
        try:
            os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _chunks(self, name: str, most_bytes: int) -> Iterator[bytes]:
        path = self.path / name
        try:
            descriptor = os.open(name, _FLAGS | os.O_NOFOLLOW, dir_fd=self._descriptor)
        except FileNotFoundError as error:
            raise FileNotFoundError(error.errno, error.strerror, str(path)) from None
        except OSError:
            if path.is_symlink():
                raise ModelBundleError(f"{path} is a symbolic link: put the file itself there") from None
            raise
        yield from _limited(descriptor, path, most_bytes)


@contextmanager
def opened(path: Path) -> Iterator[BundleDirectory]:
    """Open the directory of a bundle for the length of the block.

    Raises:
        ModelBundleError: it is a symbolic link.
        OSError: it cannot be opened, or is not a directory.
    """
    if path.is_symlink():
        raise ModelBundleError(f"{path} is a symbolic link: put the directory itself there")
    descriptor = os.open(path, _FLAGS | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield BundleDirectory(path, descriptor)
    finally:
        os.close(descriptor)


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return the content of a regular file or of one that a symbolic link names, such as Kubernetes mounts.

    Raises:
        ModelBundleError: it is not a regular file, is larger than ``most_bytes``, or changes while it is read.
        OSError: it cannot be read.
    """
    return b"".join(_limited(os.open(path, _FLAGS), path, most_bytes))


def _limited(descriptor: int, path: Path, most_bytes: int) -> Iterator[bytes]:
    """Yield the content of an open file, and close it."""
    try:
        state = os.fstat(descriptor)
        if not stat.S_ISREG(state.st_mode):
            raise ModelBundleError(f"{path} is not a regular file")
        if state.st_size > most_bytes:
            raise ModelBundleError(f"{path} has {state.st_size:,} bytes; at most {most_bytes:,} are accepted")
        left = state.st_size
        while left >= 0 and (chunk := os.read(descriptor, min(left + 1, _CHUNK_BYTES))):
            left -= len(chunk)
            yield chunk
        if left:
            raise ModelBundleError(f"{path} changed while it was read")
    finally:
        os.close(descriptor)
