"""Passwords and tokens in files, as Docker and Kubernetes provide them: read at the start, and again when they change.

Permissions are not checked. Docker and Kubernetes mount secrets readable for everybody in the container, so a warning
would appear in every correct installation.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import SecretStr
    from pydantic_settings import BaseSettings

log = logging.getLogger(__name__)

SUFFIX = "_file"
_MOST_BYTES = 65_536


class SecretFileError(ValueError):
    """A file does not contain a secret. The message names the file and never quotes its content."""


def read_secret(path: Path) -> str:
    """Returns the only line of a file, without the line break at its end.

    Raises:
        SecretFileError: the file is missing, unreadable, empty, too large, or has several lines.
    """
    try:
        if not path.is_file():  # opening a pipe would wait for its writer
            raise SecretFileError(f"{path} {'is not a regular file' if path.exists() else 'does not exist'}")
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode()
    except UnicodeDecodeError:
        raise SecretFileError(f"{path} is not UTF-8 text") from None
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text.strip():
        raise SecretFileError(f"{path} is empty")
    if len(content) > _MOST_BYTES or "\n" in text or "\r" in text:
        raise SecretFileError(f"{path} has more than one line, and a secret is one line")
    return text


class SecretFile:
    """A file with a secret, which another program may replace at any time.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._last: str | None = None
        self._fault: str | None = None

    def current(self, otherwise: str) -> str:
        """Returns the present secret. While the file has a fault, returns the last secret, and logs the fault once.

        Args:
            otherwise: what the file contained when the settings were read.
        """
        with self._lock:
            try:
                self._last, self._fault = read_secret(self._path), None
            except SecretFileError as error:
                if str(error) != self._fault:
                    log.warning("%s: still using what it contained before", error)
                self._fault = str(error)
            return otherwise if self._last is None else self._last


@functools.cache
def _at(path: Path) -> SecretFile:
    return SecretFile(path)


def current_secret(settings: BaseSettings, name: str) -> str | None:
    """Returns the present value of a secret setting, or None if it is not set.

    Args:
        settings: all settings.
        name: the setting, such as ``sasl_password``. Its file is read again if the setting came from one.
    """
    value: SecretStr | None = getattr(settings, name)
    path: Path | None = getattr(settings, name + SUFFIX)
    if value is None or path is None:
        return None if value is None else value.get_secret_value()
    return _at(path).current(value.get_secret_value())


def secrets_from_files(values: dict[str, object], secrets: tuple[str, ...], prefix: str) -> dict[str, object]:
    """Returns the values of settings in which each secret with a file has the content of its file.

    Args:
        values: the given settings by name.
        secrets: the names of the secret settings.
        prefix: what the names of environment variables begin with, for messages.

    Raises:
        SecretFileError: a file has a fault, or a secret is given twice.
    """
    from pathlib import Path

    filled = dict(values)
    for name in secrets:
        path = values.get(name + SUFFIX)
        if path is None:
            continue
        variable = f"{prefix}{name.upper()}"
        if values.get(name) is not None:
            raise SecretFileError(f"set {variable} or {variable}_FILE, not both")
        try:
            filled[name] = read_secret(Path(str(path)))
        except SecretFileError as error:
            raise SecretFileError(f"{variable}_FILE: {error}") from None
    return filled
