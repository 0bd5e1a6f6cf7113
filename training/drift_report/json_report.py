"""Converts a drift report to values that JSON can hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ratecast.model.features import FEATURE_NAMES
from ratecast.model.ranges import LEVELS

if TYPE_CHECKING:
    from training.drift_report.analysis import DriftReport
    from training.drift_report.measures import Answers, ScorePath
    from training.drift_report.pair_report import PairReport
    from training.drift_report.prediction_table import PairMessages


def as_json(report: DriftReport) -> dict[str, Any]:
    """Returns the report for programs; numbers that do not exist are None."""
    messages = report.messages
    return {
        "headline": report.headline,
        "source": report.source,
        "span": dict(zip(("first", "last"), report.span, strict=True)),
        "model": {"version": report.stats.model_version, "trained_until": report.stats.trained_until},
        "messages": len(messages),
        "model_versions": messages.versions,
        "without_as_of": messages.undated,
        "outside_span": messages.outside,
        "repeated": messages.repeated,
        "unreadable": messages.unreadable,
        "unknown_pairs": messages.unknown,
        "notes": report.notes,
        "pairs": {pair.pair: _pair_as_json(pair) for pair in report.pairs},
    }


def _pair_as_json(report: PairReport) -> dict[str, Any]:
    table = report.messages
    windowed: dict[str, dict[str, Any]] = {}
    for path in report.paths:
        windowed.setdefault(path.feature, {})[path.test] = _path_as_json(table, path)
    return {
        "messages": len(table),
        "first": table.day(0),
        "last": table.day(len(table) - 1),
        "verdict": {"action": report.action.value, "text": report.verdict},
        "findings": [
            {
                "action": finding.action.value,
                "code": finding.code,
                "text": finding.text,
                "first": finding.first,
                "last": finding.last,
            }
            for finding in report.findings
        ],
        "drifted_share": {
            "any": float(report.drifted.any(axis=1).mean()),
            **dict(zip(FEATURE_NAMES, report.drifted.mean(axis=0).tolist(), strict=True)),
        },
        "windowed": windowed,
        "alerts": {
            code: {
                "messages": count,
                "first": table.day(first),
                "last": table.day(last),
                "words": table.alerts[first][code],
            }
            for code, (count, first, last) in report.alerts.items()
        },
        "hindcast": {
            **_answers_as_json(report.answers),
            "left_out": report.answers.left_out,
            "newest": _answers_as_json(report.answers.newest()),
        },
    }


def _path_as_json(table: PairMessages, path: ScorePath) -> dict[str, Any] | None:
    if not len(path):
        return None
    top = int(np.argmax(path.scores))
    return {
        "score": float(path.scores[-1]),
        "threshold": float(path.thresholds[-1]),
        "over": path.over,
        "max": float(path.scores[top]),
        "max_at": table.day(int(path.rows[top])),
        "over_share": float((path.scores > path.thresholds).mean()),
    }


def _answers_as_json(answers: Answers) -> dict[str, Any]:
    coverage = answers.coverage
    return {
        "forecasts": len(answers),
        "error_ratio": answers.error_ratio,
        "coverage": None if coverage is None else dict(zip(LEVELS, coverage, strict=True)),
    }
