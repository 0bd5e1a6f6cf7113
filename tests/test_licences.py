"""The page of licences agrees with the pins and with what is installed, and only allowed licences are on it."""

from __future__ import annotations

import re

import pytest

from tests.test_compose import ROOT
from tools import licences

PAGE = (ROOT / "docs/reference/licences.md").read_text(encoding="utf-8")
ROWS = {
    name: (version, licence, use)
    for name, version, licence, use in re.findall(
        r"^\| ([\w.-]+) \| ([\w.!+-]+) \| ([^|]+) \| ([\w ]+) \|$", PAGE, re.MULTILINE
    )
    if name != "package"
}


def test_the_page_lists_what_is_pinned():
    assert {pin.name: (pin.version, pin.used_by) for pin in licences.pins()} == {
        name: (version, use) for name, (version, _, use) in ROWS.items()
    }, "run `make licences`"


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_licence_is_allowed_and_is_the_one_that_the_package_declares(name):
    version, licence, _ = ROWS[name]
    assert licences.parts(licence) <= licences.ALLOWED
    found = licences.installed().get(name)
    if found is not None and found.version == version:
        assert licences.declared(name) == licence


def test_a_licence_that_nobody_knows_is_refused(monkeypatch):
    monkeypatch.setattr(licences, "BY_HAND", {})
    with pytest.raises(ValueError, match=r"pysimdjson: .* read it and add it to tools/licences.py"):
        licences.declared("pysimdjson")
    assert not licences.parts("GPL-3.0-only") <= licences.ALLOWED


def test_what_was_read_by_hand_is_still_pinned():
    assert licences.BY_HAND.keys() <= ROWS.keys()
