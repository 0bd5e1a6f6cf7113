"""Which detector finds which fault of a feed, how soon, and how often each is wrong; how often ranges hold.

See `benchmarks.detectors` for what is measured. ``--write docs/drift.md`` puts the tables between that file's markers.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.coverage import MOST_POINTS_OFF, coverage, coverage_table
from benchmarks.detectors import (
    ANY,
    CASES,
    DETECTORS,
    MESSAGES,
    TRAINED_UNTIL,
    Detectors,
    clean_marks,
    clean_series,
    delays,
)
from benchmarks.drift_windows import windows_table
from ratecast.model.bundle import load
from ratecast.model.references import WINDOW_MESSAGES
from ratecast.rates.tables import load_ecb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from benchmarks.detectors import Delays

STARTS = 25
NEAR_ONE = frozenset({"EUR/USD", "EUR/CHF", "EUR/GBP"})  # their inverse is a plausible rate


@dataclass(frozen=True)
class Promise:
    """What the feed checks are to find at least, and what the study that chose them found (``MODELLING.md``'s).

    Attributes:
        fault: title of a case.
        within: in so many messages from the first faulty one.
        share: of the feeds, at least.
        study: what the study's detectors found; 12 pairs x 25 days, trained to 2017.
        detector: who.
        leave_out: pairs that are not counted.
    """

    fault: str
    within: int
    share: float
    study: str
    detector: str = ANY
    leave_out: frozenset[str] = frozenset()


PROMISES = (
    Promise("x10", 1, 0.98, "100 %, jump"),
    Promise("x100 once", 1, 0.98, "100 %, jump"),
    Promise("inverted", 1, 0.98, "98 %, jump, all pairs", leave_out=NEAR_ONE),
    Promise("wrong pair", 1, 0.95, "96 %, jump"),
    Promise("stuck", 4, 1.0, "100 %, stuck, at the median after 3"),
    Promise("volatility x5", MESSAGES, 0.95, "98 %, regime", detector="volatility_regime"),
    Promise("+5 % step", 1, 0.0, "83 %, jump"),
)
CLEAN_PROMISES = ((ANY, 0.0005, "0 %, jump; 0.004 %, powers of ten"), ("volatility_regime", 0.005, "0.32 %"))


def promises_table(found: Mapping[str, Delays], clean: Mapping[str, NDArray[np.bool_]]) -> list[list[str]]:
    """A row a promise: what was promised, measured, and found by the study."""
    rows = []
    for promise in PROMISES:
        where = " (pairs away from 1)" if promise.leave_out else ""
        when = "at the first faulty message" if promise.within == 1 else f"within {promise.within} messages"
        share = found[promise.fault].found(promise.detector, promise.within, promise.leave_out)
        least = f"at least {100 * promise.share:.0f} %" if promise.share else "none"
        rows.append([f"{promise.fault}{where}, {when}", least, f"{100 * share:.1f} %", promise.study])
    for detector, most, study in CLEAN_PROMISES:
        measured = f"{100 * clean[detector].mean():.3f} %"
        rows.append([f"clean messages: {detector}", f"at most {100 * most:g} %", measured, study])
    return rows


def faults_table(found: Mapping[str, Delays]) -> tuple[list[list[str]], list[str]]:
    """A row a detector, a column a fault; and in which pairs a fault was missed."""
    rows = [[name, *(_cell(found[case.title].by_detector[name]) for case in CASES)] for name in DETECTORS]
    notes = []
    for title, of_case in found.items():
        missed = [
            p for p, delay in zip(of_case.pairs, of_case.by_detector[ANY], strict=True) if np.isinf(delay)
        ]
        if missed and title != "volatility x5":  # which is no fault of the feed
            counts = sorted({pair: missed.count(pair) for pair in missed}.items(), key=lambda item: -item[1])
            worst = ", ".join(f"{pair} {count}" for pair, count in counts)
            notes.append(f"{title}: not found in {worst} of {STARTS} each")
    return rows, notes


def _cell(found: NDArray[np.float64]) -> str:
    finite = np.isfinite(found)
    if not finite.any():
        return "0"
    share, at_once = 100 * finite.mean(), 100 * (found == 0).mean()
    return f"{share:.0f} / {at_once:.0f} / {np.median(found[finite]):.0f}"


def clean_table(marks: Mapping[str, Mapping[str, NDArray[np.bool_]]]) -> list[list[str]]:
    """A row a detector: share of clean messages marked, in %, the pair marked most, and its share."""
    rows = []
    for name, by_pair in marks.items():
        pooled = np.concatenate(list(by_pair.values()))
        worst = max(by_pair, key=lambda pair: by_pair[pair].mean())
        share = f"{100 * pooled.mean():.3f}"
        rows.append([name, share, f"{worst} {100 * by_pair[worst].mean():.2f}" if pooled.any() else ""])
    return rows


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def report(models_dir: Path) -> str:
    """All tables and what they are."""
    bundle, table = load(models_dir), load_ecb()
    detectors = Detectors(bundle)
    series = clean_series(table, detectors.forecaster.pairs)
    found = {}
    for number, case in enumerate(CASES, 1):
        print(f"[{number}/{len(CASES)}] {case.title}", file=sys.stderr)  # progress
        found[case.title] = delays(detectors, table, series, case, STARTS)
    marks, ranges = clean_marks(detectors, series), coverage(detectors, series)
    pooled = {name: np.concatenate(list(by_pair.values())) for name, by_pair in marks.items()}
    detected, notes = faults_table(found)
    intro = (
        f"Faults: {len(series)} pairs x {STARTS} days = {len(series) * STARTS} of each. In a cell: share found "
        f"within {MESSAGES} messages, % / share found at the first faulty message, % / median delay of those found, "
        "in messages."
    )
    return "\n\n".join(
        (
            markdown(["what", "promised", "measured", "the study"], promises_table(found, pooled)),
            intro,
            markdown(["detector", *(case.title for case in CASES)], detected),
            *(f"- {note}" for note in notes),
            f"Clean: all {len(pooled[ANY]):,} messages of the same pairs from 2021 on.",
            markdown(["detector", "marked, %", "most in, %"], clean_table(marks)),
            f"Windows of {WINDOW_MESSAGES} returns of each pair held against training, share over the threshold.",
            markdown(
                [
                    "test",
                    "clean rates, %",
                    "most in, %",
                    "volatility x3, %",
                    "messages until x3 is told, median",
                ],
                windows_table(bundle, series),
            ),
            (
                "Ranges: share of next rates inside, all messages from 2021 on. Promised: every pair within "
                f"{MOST_POINTS_OFF} points."
            ),
            markdown(["pair", "forecasts", "80 % range, %", "95 % range, %"], coverage_table(ranges)),
        )
    )


def train(models_dir: Path) -> None:
    """The model under test."""
    from training.train import train as run
    from training.train_options import TrainOptions

    run(
        TrainOptions(models_dir=models_dir, until=TRAINED_UNTIL),
        lambda stage, *_: print(stage, file=sys.stderr),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models-dir", type=Path, help="a model trained to 2020-12-31 (default: train one)")
    parser.add_argument(
        "--write", type=Path, metavar="PATH", help="put the tables between the file's markers"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        models_dir = options.models_dir or Path(scratch)
        if options.models_dir is None:
            train(models_dir)
        text = report(models_dir)
    print(text)
    if options.write is not None:
        page = options.write.read_text(encoding="utf-8")
        head, _, rest = page.partition("<!-- detection -->\n")
        _, _, tail = rest.partition("<!-- /detection -->")
        options.write.write_text(
            f"{head}<!-- detection -->\n{text}\n<!-- /detection -->{tail}", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
