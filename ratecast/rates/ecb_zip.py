"""Reads the ECB's full history as the ECB packs it: a zip with one CSV file.

A zip in the place of the history may come from anybody, so its size is bounded, and every fault is one line.
"""

from __future__ import annotations

import zipfile
import zlib
from typing import TYPE_CHECKING

from ratecast.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

MEMBER = "eurofxref-hist.csv"
# The history of 28 years has 1.9 MB of text. A zip of a megabyte can claim a gigabyte.
MAX_TEXT_BYTES = 32 * 2**20


def read_text(path: Path) -> str:
    """Return the text of the CSV file in a zip.

    Raises:
        UsageError: there is no such file, or it is not the ECB's zip. The message is one line with the file.
    """
    try:
        # Without this check a named pipe would be waited for.
        if not path.is_file():
            raise UsageError(f"{path}: {'not a file' if path.exists() else 'there is no such file'}")
        with zipfile.ZipFile(path) as archive, archive.open(MEMBER) as member:
            content = member.read(MAX_TEXT_BYTES + 1)
    except KeyError:
        raise UsageError(f"{path}: the zip has no {MEMBER}, so it is not the ECB's history") from None
    except zipfile.BadZipFile as error:
        raise UsageError(f"{path}: not a zip, or a damaged one: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from None
    except (zlib.error, EOFError, RuntimeError, ValueError) as error:
        # RuntimeError: it is encrypted, or packed by a method that this Python lacks.
        raise UsageError(f"{path}: the zip cannot be read: {error}") from None
    if len(content) > MAX_TEXT_BYTES:
        raise UsageError(f"{path}: {MEMBER} is larger than {MAX_TEXT_BYTES // 2**20} MiB")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: {MEMBER} is not UTF-8") from None
