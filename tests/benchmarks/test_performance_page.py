from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import performance_page, tables
from benchmarks.flame import top_table
from benchmarks.machine import this_machine
from benchmarks.programs import BATCH, SEND, WORKER
from benchmarks.results import Case, Latencies, Measured, Results, Run, Section, load_results, save_results

ROOT = Path(__file__).parents[2]


def measured(program: str, *rates: float, cpu_us: float = 20.0, **load: int) -> Measured:
    runs = [
        Run(per_second=rate, cpu_us=cpu_us, memory_mb=150.0, messages=9000, bytes_in=1500, bytes_out=900, broker_us=4.0)
        for rate in rates
    ]  # fmt: skip
    return Measured(case=Case(program=program, **load), runs=runs)


def latencies(program: str, rate: int, p99: float) -> Latencies:
    return Latencies(
        program=program, rate=rate, due=1000, seen=990, p50=p99 / 2, p99=p99, p999=2 * p99,
        rounds_p99=[p99], publisher_late_ms=0.4,
    )  # fmt: skip


@pytest.fixture
def results() -> Results:
    machine = this_machine("a broker")
    programs = (SEND, BATCH, WORKER)
    return Results(
        sections={
            "partitions": Section(
                machine=machine,
                measured=[measured(name, 100, 300, 200, partitions=n) for n in (1, 4) for name in programs],
            ),
            "history": Section(machine=machine, measured=[measured(WORKER, 100, rates=n) for n in (3, 61)]),
            "peers": Section(machine=machine, measured=[measured(WORKER, 9000), measured("FastStream", 90)]),
            "latency": Section(
                machine=machine, latencies=[latencies(name, n, 30.0 + n) for n in (100, 1000) for name in programs]
            ),
        }
    )  # fmt: skip


def test_results_are_kept_as_they_were_measured(tmp_path, results) -> None:
    save_results("kafka", results, tmp_path)
    assert load_results("kafka", tmp_path) == results
    assert load_results("embedded", tmp_path) == Results()


def test_a_table_has_medians_spreads_and_the_ratio_to_the_worker_on_the_same_load() -> None:
    table = tables.throughput_table(
        [
            measured("echo", 100, 400, 200, partitions=1),
            measured(WORKER, 300, partitions=1),
            measured("echo", 1000, partitions=4),
            measured(WORKER, 500, partitions=4),
        ]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    assert rows[0][0] == "partitions"
    assert "rates a message" not in rows[0]
    assert [row[2:5] for row in rows[2:]] == [
        ["200", "100 to 400", "1.50"],
        ["300", "300 to 300", ""],
        ["1,000", "1,000 to 1,000", "0.50"],
        ["500", "500 to 500", ""],
    ]


def test_a_core_has_the_capacity_that_its_messages_leave_it() -> None:
    table = tables.capacity_table([measured(WORKER, 1, cpu_us=20.0, rates=61), measured(BATCH, 1, rates=61)])
    assert table.splitlines()[2:] == ["| 61 | 25,000 | 50,000 | 100,000 | 200,000 |"]  # half of 50,000 a core
    sentence = tables.billion_sentence([measured(WORKER, 1, cpu_us=20.0, rates=61)], 1500, 900)
    assert "277,778 a second" in sentence
    assert "11 workers" in sentence
    assert "417 MB/s" in sentence
    assert "1.1 cores" in sentence


def test_the_page_gets_what_was_measured_and_keeps_what_people_wrote(tmp_path, results) -> None:
    home = tmp_path / "performance"
    save_results("kafka", results, home)
    page = tmp_path / "performance.md"
    page.write_text(
        "Before <!-- measured -->old<!-- /measured --> between\n<!-- capacity --><!-- /capacity --> after\n"
    )
    performance_page.write(page, home)
    text = page.read_text()
    assert text.startswith("Before <!-- measured -->\n### ")
    assert text.endswith(" after\n")
    assert "old" not in text
    drawn = {path.name for path in home.glob("*.svg")}
    assert drawn == {"kafka-partitions.svg", "kafka-peers.svg", "kafka-latency.svg"}
    for name in drawn:
        assert f"(performance/{name})" in text
        root = ET.fromstring((home / name).read_text())  # noqa: S314 - a file of this test
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    performance_page.write(page, home)
    assert page.read_text() == text


def test_the_committed_page_shows_the_committed_results(tmp_path) -> None:
    page = tmp_path / "performance.md"
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    page.write_text(text, encoding="utf-8")
    home = tmp_path / "performance"
    home.mkdir()
    for kept in (ROOT / "docs" / "performance").glob("*.json"):
        (home / kept.name).write_bytes(kept.read_bytes())
    performance_page.write(page, home)
    assert page.read_text(encoding="utf-8") == text, "run `python -m benchmarks.performance_page`"
    for drawn in home.glob("*.svg"):
        assert drawn.read_bytes() == (ROOT / "docs" / "performance" / drawn.name).read_bytes()


def test_the_top_ten_divides_the_time_of_a_message() -> None:
    table = top_table(
        "function", Counter({"score (ratecast/scoring/scorer.py)": 3, "encode (x.py)": 1}), cpu_us=20.0
    )
    assert "| `score (ratecast/scoring/scorer.py)` | 75.0 % | 15.0 |" in table
    assert "| everything else | 0.0 % | 0.0 |" in table
