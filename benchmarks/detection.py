"""Measures which detector finds which fault of a feed, how soon, and its false alarms; also the coverage of ranges.

`benchmarks.detectors` describes the method. ``--write docs/drift.md`` puts the tables between the markers of that file.
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
from benchmarks.lasting_changes import COLUMNS, changes_table
from ratecast.model.bundle import load
from ratecast.model.references import WINDOW_MESSAGES
from ratecast.rates.tables import load_ecb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from benchmarks.detectors import Delays

STARTS = 25  # days on which a fault begins
PROMISE_COLUMNS = ["fault", "promised", "measured", "in the study"]
COVERAGE_COLUMNS = ["pair", "forecasts", "80 % range, %", "95 % range, %"]
NEAR_ONE = frozenset({"EUR/USD", "EUR/CHF", "EUR/GBP"})  # their inverse is a plausible rate


@dataclass(frozen=True)
class Promise:
    """What the feed checks must find at least, and what they found in the study that chose them (``MODELLING.md``).

    Attributes:
        fault: title of a case.
        within: number of messages, from the first faulty one, in which it must be found.
        share: share of the feeds in which it must be found.
        study: result of the study, on 12 pairs x 25 days with a model trained to 2017.
        detector: name of the detector.
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
    """Returns a row for each promise: the promise, the measured share and the result of the study."""
    rows = []
    for promise in PROMISES:
        where = " (without pairs near 1)" if promise.leave_out else ""
        when = "at the first faulty message" if promise.within == 1 else f"within {promise.within} messages"
        share = found[promise.fault].found(promise.detector, promise.within, promise.leave_out)
        least = f"at least {100 * promise.share:.0f} %" if promise.share else "no promise"
        rows.append([f"{promise.fault}{where}, {when}", least, f"{100 * share:.1f} %", promise.study])
    for detector, most, study in CLEAN_PROMISES:
        measured = f"{100 * clean[detector].mean():.3f} %"
        rows.append(
            [f"false alarms on clean messages: {detector}", f"at most {100 * most:g} %", measured, study]
        )
    return rows


def faults_table(found: Mapping[str, Delays]) -> tuple[list[list[str]], list[str]]:
    """Returns a row for each detector with a column for each fault, and the pairs in which a fault was missed."""
    rows = [[name, *(_cell(found[case.title].by_detector[name]) for case in CASES)] for name in DETECTORS]
    notes = []
    for title, of_case in found.items():
        missed = [
            p for p, delay in zip(of_case.pairs, of_case.by_detector[ANY], strict=True) if np.isinf(delay)
        ]
        if missed and title != "volatility x5":  # this one is not a fault of the feed
            counts = sorted({pair: missed.count(pair) for pair in missed}.items(), key=lambda item: -item[1])
            worst = ", ".join(f"{pair} {count}" for pair, count in counts)
            notes.append(f"{title} was missed in this many of {STARTS} feeds: {worst}")
    return rows, notes


def _cell(found: NDArray[np.float64]) -> str:
    finite = np.isfinite(found)
    if not finite.any():
        return "0"
    share, at_once = 100 * finite.mean(), 100 * (found == 0).mean()
    return f"{share:.0f} / {at_once:.0f} / {np.median(found[finite]):.0f}"


def clean_table(marks: Mapping[str, Mapping[str, NDArray[np.bool_]]]) -> list[list[str]]:
    """Returns a row for each detector: share of clean messages with an alarm, the worst pair, and its share, in %."""
    rows = []
    for name, by_pair in marks.items():
        pooled = np.concatenate(list(by_pair.values()))
        worst = max(by_pair, key=lambda pair: by_pair[pair].mean())
        share = f"{100 * pooled.mean():.3f}"
        rows.append([name, share, f"{worst} {100 * by_pair[worst].mean():.2f}" if pooled.any() else ""])
    return rows


def markdown(header: list[str], rows: list[list[str]]) -> str:
    """Returns a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def report(models_dir: Path) -> str:
    """Returns all tables with their captions."""
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
        f"Each fault was planted {len(series) * STARTS} times: in {len(series)} pairs on {STARTS} days. A cell shows three "
        f"figures: the share found within {MESSAGES} messages in %, the share found at the first faulty message in %, and "
        "the median delay of those found in messages. A single 0 means that the detector never found the fault."
    )
    return "\n\n".join(
        (
            markdown(PROMISE_COLUMNS, promises_table(found, pooled)),
            intro,
            markdown(["detector", *(case.title for case in CASES)], detected),
            "\n".join(f"- {note}" for note in notes),
            f"False alarms on all {len(pooled[ANY]):,} clean messages of these pairs from 2021 on:",
            markdown(["detector", "messages with an alarm, %", "worst pair, %"], clean_table(marks)),
            (
                f"Drift scores: share of windows of {WINDOW_MESSAGES} returns above the threshold, with clean rates and "
                "with three times the volatility. The last column is the median number of messages until three times "
                "the volatility is found."
            ),
            markdown(
                ["test", "clean rates, %", "worst pairs, %", "volatility x3, %", "messages until found"],
                windows_table(bundle, series),
            ),
            (
                "Lasting changes: share of windows above the threshold of each score, and what the change does to the ranges. "
                "The changes begin on the first day after training. KS and PSI are those of the returns."
            ),
            markdown(COLUMNS, changes_table(detectors.forecaster, bundle.stats, series)),
            (
                "Coverage: share of next rates inside the range, for all messages from 2021 on. It must be within "
                f"{MOST_POINTS_OFF} percentage points of the level for every pair."
            ),
            markdown(COVERAGE_COLUMNS, coverage_table(ranges)),
        )
    )


def train(models_dir: Path) -> None:
    """Train the model to measure."""
    from training.train import train as run
    from training.train_options import TrainOptions

    run(
        TrainOptions(models_dir=models_dir, until=TRAINED_UNTIL),
        lambda stage, *_: print(stage, file=sys.stderr),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--models-dir",
        type=Path,
        help="use the current model in this directory, trained to 2020-12-31 (default: train one)",
    )
    parser.add_argument(
        "--write", type=Path, metavar="PATH", help="write the tables between the markers of this file"
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
