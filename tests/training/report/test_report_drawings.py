"""Marks are where their figures are, and descriptions name the figures."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tests.training.report.test_training_headline import TEST
from tests.training.report.test_worst_stretch import two_pairs
from training.coverage_interval import HeldShare
from training.report.coverage_figure import coverage_figure
from training.report.reliability_figure import distance_figure, reliability_figure
from training.report.stretch_figure import stretch_figure
from training.report.worst_stretch import worst_of_all_pairs

POINTS = (
    HeldShare(0.5, 0.52, 0.5, 0.54),
    HeldShare(0.8, 0.76, 0.74, 0.78),
    HeldShare(0.95, 0.95, 0.94, 0.96),
)


def parsed(picture):
    return ET.fromstring(picture)  # noqa: S314 - drawn here


def marks(picture, name):
    return [float(circle.get(name)) for circle in parsed(picture).iter("circle")]


def on_a_line(places, values):
    slope, offset = np.polyfit(values, places, 1)
    assert places == pytest.approx(slope * np.array(values) + offset, abs=0.1)
    return slope


def test_coverage_has_a_mark_for_each_group_and_level_at_its_share():
    groups = {"A": TEST, "B": replace(TEST, coverage={"80": 0.74, "95": 0.99})}
    picture = coverage_figure("groups", "Coverage", groups)
    assert on_a_line(marks(picture, "cx"), [80.0, 94.8, 74.0, 99.0]) > 0
    described = parsed(picture).find("desc").text
    assert described.startswith(
        "A: the 80 % range held 80.0 % (79.0 to 81.0), the 95 % range held 94.8 % (94.2"
    )
    assert "B: the 80 % range held 74.0 %" in described


def test_a_share_below_the_usual_axis_is_still_inside_the_drawing():
    low = replace(
        TEST, coverage={"80": 0.31, "95": 0.5}, coverage_interval={"80": (0.2, 0.4), "95": (0.4, 0.6)}
    )
    picture = coverage_figure("groups", "Coverage", {"A": low})
    assert min(marks(picture, "cx")) > 92
    assert on_a_line([*marks(picture, "cx"), 408.0], [31.0, 50.0, 100.0]) > 0


def test_the_reliability_diagram_and_its_distances_show_each_level():
    diagram, distance = reliability_figure(POINTS), distance_figure(POINTS)
    assert on_a_line(marks(diagram, "cx"), [50, 80, 95]) > 0
    assert on_a_line(marks(diagram, "cy"), [52, 76, 95]) < 0
    assert on_a_line(marks(distance, "cy"), [2, -4, 0]) < 0
    assert "80 % promised, held 76.0 % (74.0 to 78.0)." in parsed(diagram).find("desc").text
    assert parsed(distance).find("desc").text.endswith("The largest is -4.0 percentage points, at 80 %.")
    assert [circle.get("class") for circle in parsed(diagram).iter("circle")] == ["narrow", "wide", "wide"]


def test_the_worst_stretch_is_shaded_and_named():
    found = two_pairs()
    worst = worst_of_all_pairs(found)
    drawn = parsed(stretch_figure(found, worst))
    (shade,) = [box for box in drawn.iter("rect") if box.get("class") == "worst"]
    wide = next(line for line in drawn.iter("polyline") if "wide" in line.get("class"))
    points = [tuple(map(float, point.split(","))) for point in wide.get("points").split()]
    highest = min(points, key=lambda point: point[1])
    assert float(shade.get("x")) < highest[0] <= float(shade.get("x")) + float(shade.get("width")) + 0.2
    assert worst.sentence() in drawn.find("desc").text
    assert "20 % outside the 95 % range" in drawn.find("desc").text
