from __future__ import annotations

import pytest

from tests.browser import measured, needs_chromium

LOOK = """(page, style) => {
  const tables = [...page.querySelectorAll(".table")], wide = tables.filter(t => t.scrollWidth > t.clientWidth);
  const place = cell => cell.getBoundingClientRect().left;
  const scrolled = wide.map(table => {
    const row = table.querySelector("tbody tr"), cells = [row.querySelector("th"), row.querySelector("td")];
    const before = cells.map(place);
    table.scrollLeft = 60;
    return cells.map((cell, number) => Math.round(place(cell) - before[number]));
  });
  const inside = [...page.querySelectorAll("svg")].map(svg => svg.getBoundingClientRect()).every(
    box => box.left >= 0 && box.right <= page.documentElement.clientWidth);
  const colours = (shapes, name) => [...new Set([...page.querySelectorAll(shapes)].map(shape => style(shape, name)))];
  return {
    page: page.documentElement.scrollWidth, window: page.documentElement.clientWidth, scrolled, inside,
    background: style(page.body, "backgroundColor"),
    fills: colours("svg text, svg circle, svg polygon, svg rect", "fill"),
    strokes: colours("svg line, svg polyline", "stroke"),
    letters: Math.min(...[...page.querySelectorAll("svg")].map(
      svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)),
  };
}"""


@pytest.fixture(scope="module")
def look(trained, tmp_path_factory):
    page = trained.report.read_text()
    return {
        name: measured(page, LOOK, width=width, dark=dark, room=tmp_path_factory.mktemp("browser"))
        for name, width, dark in (("phone", 390, False), ("dark", 1280, True))
    }


@needs_chromium
def test_a_phone_never_scrolls_the_page_sideways_and_can_read_the_letters_of_the_drawings(look):
    assert look["phone"]["page"] == look["phone"]["window"] <= 390
    assert look["phone"]["inside"]
    assert look["phone"]["letters"] > 9
    assert look["dark"]["page"] == look["dark"]["window"]


@needs_chromium
def test_tables_scroll_under_their_first_column(look):
    assert len(look["phone"]["scrolled"]) >= 2
    for first, second in look["phone"]["scrolled"]:
        assert first == 0
        assert second < -20


@needs_chromium
def test_the_drawings_follow_dark_mode(look):
    light, dark = look["phone"], look["dark"]
    assert light["background"] != dark["background"]
    for part in ("fills", "strokes"):
        assert len(light[part]) >= 4
        assert not set(light[part]) & set(dark[part]), part
