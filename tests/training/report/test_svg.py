from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from training.report import svg


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-3.0, 3.0), (1.1234, 1.1239), (0.0, 1e9), (17_250.0, 18_003.0)]
)
def test_ticks_are_few_round_and_inside(low, high):
    found = svg.ticks(low, high)
    assert 2 <= len(found) <= 6
    assert low <= found[0] < found[-1] <= high
    steps = {f"{b - a:.1e}" for a, b in pairwise(found)}
    (step,) = steps
    assert step[:3] in {"1.0", "2.0", "5.0"}


def test_a_drawing_is_well_formed_and_hostile_names_are_only_text():
    name = '<script>"&'
    parts = [
        svg.text(1, 2, name),
        svg.dot(1, 2, 3, "wide", name),
        svg.rule(0, 0, 1, 1, "grid"),
        svg.curve([(0, 0), (1.234, 5)], "rate"),
    ]
    drawn = ET.fromstring(svg.drawing("a", 50, name, name, parts))  # noqa: S314 - made here
    assert [element.text for element in drawn.iter() if element.text] == [name] * 4
    assert drawn.find("polyline").get("points") == "0,0 1.2,5"
    assert drawn.get("viewBox") == f"0 0 {svg.WIDTH} 50"
