"""The layout rules of both reports: wide tables and figures scroll in boxes, and the first column stays visible."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import jinja2
import pytest

from tests.training.drift_report.planted import report, rows, walk
from training.drift_report import drift_page
from training.html_page import render_page


class Layout(HTMLParser):
    """Notes the box around each table, picture and drawing, and the first cell of each row."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tables, self.figures, self.drawings, self.first_cells = [], [], [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag in {"table", "img"}:
            boxes = self.tables if tag == "table" else self.figures
            boxes.append(self.open[-1])
        if tag in {"th", "td"} and self.open[-1][0] == "tr" and "tbody" in [name for name, _ in self.open]:
            self.first_cells.append((tag, attributes.get("scope")))
            self.open[-1] = ("row", {})
        if tag == "svg":
            self.drawings.append((self.open[-1][0], attributes))
        if tag not in {"img", "meta", "br"}:
            self.open.append((tag, attributes))

    def handle_startendtag(self, tag, attributes):
        """Shapes of a drawing have no content."""

    def handle_endtag(self, tag):
        self.open.pop()


def drift_html():
    slips = {key: {"decimal_slip": "decimal slip: 100 times"} for key in range(100, 110)}
    return drift_page.render(report(rows(walk(), alerts=slips), rows(walk("EUR/USD"), "EUR/USD")))


@pytest.fixture(params=["training", "drift"])
def page(request, trained):
    return trained.report.read_text() if request.param == "training" else drift_html()


def test_every_table_and_figure_is_in_a_box_that_scrolls_and_can_be_reached_by_keyboard(page):
    layout = Layout(page)
    assert layout.tables
    assert layout.figures or layout.drawings
    assert {attributes["class"] for _, attributes in layout.tables} == {"table"}
    assert {attributes["class"] for _, attributes in layout.figures} <= {"figure"}
    assert all(attributes["tabindex"] == "0" for _, attributes in layout.tables + layout.figures)
    assert re.search(r"\.figure, \.table \{ overflow-x: auto;", page)


def test_every_drawing_is_an_image_that_fits_the_page_and_names_what_it_shows(page):
    drawings = Layout(page).drawings
    assert {box for box, _ in drawings} <= {"figure"}
    for _, attributes in drawings:
        assert attributes["role"] == "img"
        title, text = (
            re.search(rf'<(?:title|desc) id="{name}">([^<]+)<', page)[1]
            for name in attributes["aria-labelledby"].split()
        )
        assert len(title) > 10
        assert re.search(r"\d", text)  # a description without its numbers says nothing
    assert not drawings or re.search(r"\.drawing \{ display: block; width: 100%;", page)


def test_every_row_begins_with_a_heading_that_stays_while_the_row_scrolls(page):
    assert set(Layout(page).first_cells) == {("th", "row")}
    style = page[page.index("<style>") : page.index("</style>")]
    (sticky,) = [rule for rule in style.split("}") if "position: sticky; left: 0;" in rule]
    selectors, _, declarations = sticky.partition("{")
    assert selectors.split() == ["thead", "tr:first-child", "th:first-child,", "tbody", "th"]
    assert "background: var(--page)" in declarations  # else the other columns would show through


def test_a_page_fits_phones_and_follows_the_reader_s_dark_mode_without_scripts(page):
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in page
    assert "@media (prefers-color-scheme: dark)" in page
    assert "color-scheme: light dark" in page
    assert "<script" not in page


def test_a_template_that_uses_a_name_without_a_value_is_an_error(tmp_path):
    (tmp_path / "page.html.j2").write_text("{{ forgotten }}")
    with pytest.raises(jinja2.UndefinedError, match="forgotten"):
        render_page(tmp_path / "page.html.j2")
