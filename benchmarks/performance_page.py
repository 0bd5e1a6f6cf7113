"""Writes the measured parts of docs/performance.md and its pictures from the kept results.

``python -m benchmarks.performance_page`` does it without measuring anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks import pictures, tables
from benchmarks.bench_broker import BROKERS
from benchmarks.programs import BATCH, SEND, WORKER
from benchmarks.results import HOME, Results, load_results

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.results import Measured, Section

PAGE = HOME.parent / "performance.md"
_STYLES = {SEND: "s0", BATCH: "s1", WORKER: "s2"}
TITLES = {"embedded": "Embedded broker", "kafka": "Apache Kafka"}
HEADINGS = {
    "partitions": "Throughput by partitions",
    "workers": "Throughput by workers",
    "history": "Throughput by length of the history",
    "pairs": "Throughput by pairs",
    "guarantee": "What the guarantee and the metrics cost",
    "peers": "Beside other programs that serve a model from Kafka",
    "latency": "Latency at a fixed rate",
}


def write(page: Path = PAGE, home: Path = HOME) -> None:
    """Writes the text between the markers of the page, and the pictures."""
    every = {broker: load_results(broker, home) for broker in BROKERS}
    parts = [part for broker, results in every.items() for part in _of_broker(broker, results, home)]
    text = page.read_text(encoding="utf-8")
    text = between(text, "measured", "\n\n".join(parts))
    capacity = next((c for c in map(_capacity, reversed(every.values())) if c), "Not measured yet.")
    page.write_text(between(text, "capacity", capacity), encoding="utf-8")


def between(text: str, marker: str, content: str) -> str:
    r"""Returns a text with other content between two HTML comments.

    >>> between("a <!-- x -->old<!-- /x --> b", "x", "new")
    'a <!-- x -->\nnew\n<!-- /x --> b'
    """
    pattern = rf"(<!-- {marker} -->).*(<!-- /{marker} -->)"
    changed, count = re.subn(
        pattern, lambda match: f"{match[1]}\n{content}\n{match[2]}", text, flags=re.DOTALL
    )
    if not count:
        raise ValueError(f"the page has no markers {marker!r}")
    return changed


def _of_broker(broker: str, results: Results, home: Path) -> Iterator[str]:
    """Yields the Markdown of each section that was measured on a broker."""
    for name, heading in HEADINGS.items():
        section = results.sections.get(name)
        if section is None:
            continue
        yield f"### {heading}: {TITLES[broker].lower() if broker == 'embedded' else TITLES[broker]}"
        picture = _picture(f"{broker}-{name}", heading, section)
        if picture:
            (home / f"{broker}-{name}.svg").write_text(picture, encoding="utf-8")
            yield f"![{heading}]({home.name}/{broker}-{name}.svg)"
        yield (
            tables.latency_table(section.latencies)
            if section.latencies
            else tables.throughput_table(section.measured)
        )
        rounds = len(section.measured[0].runs) if section.measured else len(section.latencies[0].rounds_p99)
        yield f"*{rounds} round{'s' if rounds > 1 else ''}. {section.machine.sentence()}. [All figures]({home.name}/{broker}.json).*"


def _picture(name: str, heading: str, section: Section) -> str | None:
    if section.latencies:
        series = {
            program: [(of.rate, of.p99) for of in section.latencies if of.program == program]
            for program in dict.fromkeys(of.program for of in section.latencies)
        }
        return pictures.file_of(pictures.curves(name, f"{heading}: p99", series, "ms"))
    if not name.endswith(("-partitions", "-peers")):
        return None
    peers = name.endswith("-peers")
    values = {_label(of, peers=peers): of.median() for of in section.measured}
    styles = [_STYLES.get(of.case.program, "s0") for of in section.measured]
    return pictures.file_of(pictures.bars(name, heading, values, styles=styles, logarithmic=peers))


def _label(of: Measured, *, peers: bool) -> str:
    return of.case.program if peers else f"{of.case.partitions} partitions, {of.case.program}"


def _capacity(results: Results) -> str | None:
    section = results.sections.get("history")
    if section is None:
        return None
    of = next(of for of in section.measured if of.case.program == WORKER and of.case.rates == 61)
    return "\n\n".join(
        (
            tables.capacity_table(section.measured),
            f"*Messages per second at {100 * tables.BUSY:.0f} % load. {section.machine.sentence()}.*",
            tables.billion_sentence(section.measured, of.runs[0].bytes_in or 0, of.runs[0].bytes_out),
        )
    )


if __name__ == "__main__":
    write()
