"""The page of licences: `python -m tools.licences docs/reference/licences.md`.

It lists what `constraints/` pins, with the licence that each installed package declares. Only an environment with all pinned packages
gives the whole page, so it is written by `make licences`, and a test compares it with what is installed where the test runs.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tools.reference.markdown import table

if TYPE_CHECKING:
    from collections.abc import Iterable

CONSTRAINTS = Path(__file__).parents[1] / "constraints"
USES = {"worker": "worker", "web": "page", "all": "training and extras", "dev": "development"}

# What may be in the images, by SPDX identifier. LGPL and MPL ask for the source of changes to the package itself, and none is changed.
ALLOWED = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC0-1.0",
        "ISC",
        "LGPL-3.0-only",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "MPL-2.0",
        "PSF-2.0",
        "Zlib",
    }
)
# Packages that declare a licence by a classifier or in words of their own.
_SPELLINGS = {
    "OSI Approved :: Apache Software License": "Apache-2.0",
    "OSI Approved :: BSD License": "BSD-3-Clause",
    "OSI Approved :: ISC License (ISCL)": "ISC",
    "OSI Approved :: MIT License": "MIT",
    "OSI Approved :: Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "OSI Approved :: Python Software Foundation License": "PSF-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
}
# Read in their licence files by hand: the metadata says nothing, or the package is for another system.
BY_HAND = {
    "appnope": "BSD-2-Clause",
    "axe-playwright-python": "MIT",
    "colorama": "BSD-3-Clause",
    "currencyconverter": "Apache-2.0",
    "pysimdjson": "MIT",
    "pywin32": "PSF-2.0",
}
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_HEAD = """<!-- Generated from installed metadata by `make licences`. Do not edit. -->

# Licences of dependencies

Every package that `constraints/` pins, with the licence that it declares, as an [SPDX](https://spdx.org/licenses/) expression. The tools that
build the documentation are left out, because nothing of them is shipped. The images contain the packages of their row *used by* and of the
rows above it, and Python and Debian's packages from their base image.

A test compares this page with the pins and with what is installed, and allows only these licences: {allowed}. Those of LGPL and MPL ask for
the source of changes to the package itself. ratecast changes none and links none statically."""


@dataclass(frozen=True)
class Pin:
    """A pinned package."""

    name: str
    version: str
    used_by: str  # the smallest set of packages that has it


def pins() -> list[Pin]:
    """Return every pinned package once, by name."""
    found: dict[str, Pin] = {}
    for file, use in USES.items():
        text = (CONSTRAINTS / f"{file}.txt").read_text(encoding="utf-8")
        for name, version in _PIN.findall(text):
            found.setdefault(name, Pin(name, version, use))
    return [found[name] for name in sorted(found)]


@cache
def installed() -> dict[str, metadata.Distribution]:
    """Return the installed packages by their normalised names (PEP 503)."""
    return {re.sub(r"[-_.]+", "-", each.name).lower(): each for each in metadata.distributions()}


def declared(name: str) -> str | None:
    """Return the licence of a package as an SPDX expression; None if it is not installed here and nobody has read it.

    Raises:
        ValueError: its metadata names no licence that is known here.
    """
    distribution = installed().get(name)
    if distribution is None:
        return BY_HAND.get(name)
    information = distribution.metadata
    if expression := information.get("License-Expression"):
        return expression
    classifiers = [
        text.removeprefix("License :: ")
        for text in information.get_all("Classifier", [])
        if text.startswith("License :: OSI")
    ]
    free = (information.get("License") or "").strip()
    # Free text first, because it tells BSD's two versions apart; it may also be the whole licence.
    for text in (free, *classifiers):
        if text in ALLOWED:
            return text
        if text in _SPELLINGS:
            return _SPELLINGS[text]
    if name in BY_HAND:
        return BY_HAND[name]
    raise ValueError(
        f"{name}: {classifiers or free[:60]!r} is no known licence: read it and add it to tools/licences.py"
    )


def parts(expression: str) -> set[str]:
    """Return the licences in an SPDX expression.

    >>> sorted(parts("(MIT OR Apache-2.0) AND PSF-2.0"))
    ['Apache-2.0', 'MIT', 'PSF-2.0']
    """
    return set(re.findall(r"[\w.+-]+", expression)) - {"AND", "OR", "WITH"}


def page() -> str:
    """Return the page.

    Raises:
        ValueError: a pinned package is not installed, or its licence is not known.
    """
    rows = []
    for pin in pins():
        licence = declared(pin.name)
        if licence is None:
            raise ValueError(f"{pin.name} is not installed: run `make licences` in a complete environment")
        rows.append((pin.name, pin.version, licence, pin.used_by))
    order = list(USES.values())
    rows.sort(key=lambda row: (order.index(row[3]), row[0]))
    head = _HEAD.format(allowed=", ".join(f"`{licence}`" for licence in sorted(ALLOWED)))
    return f"{head}\n\n{table(('package', 'version', 'licence', 'used by'), rows)}\n"


def main(arguments: Iterable[str]) -> None:
    """Write the page."""
    (target,) = arguments
    Path(target).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
