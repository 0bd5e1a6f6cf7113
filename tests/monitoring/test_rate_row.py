"""The row "Rate and range": one worker's rate with the same worker's range, and the worker is the one with the newest rate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from tests.dashboards import panel_of
from tests.monitoring.test_rules import run

if TYPE_CHECKING:
    from pathlib import Path

# w1 lost the pair's partition a day ago and still reports what it scored last. Its rate and its range are higher.
OLD = 'job="ratecast-worker",instance="w1:8000",pair="EUR/USD"'
NEW = 'job="ratecast-worker",instance="w2:8000",pair="EUR/USD"'
SERIES = {
    f"rate_age_seconds{{{OLD}}}": 90_000,
    f"last_rate{{{OLD}}}": 1.3,
    f'forecast_lower{{{OLD},level="80"}}': 1.2,
    f'forecast_upper{{{OLD},level="80"}}': 1.4,
    f'forecast_lower{{{OLD},level="95"}}': 1.1,
    f'forecast_upper{{{OLD},level="95"}}': 1.5,
    f"rate_age_seconds{{{NEW}}}": 3_600,
    f"last_rate{{{NEW}}}": 1.0,
    f'forecast_lower{{{NEW},level="80"}}': 0.99,
    f'forecast_upper{{{NEW},level="80"}}': 1.01,
    f'forecast_lower{{{NEW},level="95"}}': 0.98,
    f'forecast_upper{{{NEW},level="95"}}': 1.02,
    # Of another program, which is younger.
    'rate_age_seconds{job="billing",instance="b:80",pair="EUR/USD"}': 1,
    'last_rate{job="billing",instance="b:80",pair="EUR/USD"}': 9.0,
}


def shown(title: str) -> dict[str, str]:
    """The queries of a panel by the letter of their target, as Grafana sends them for this pair and everything else."""
    found = {}
    for target in panel_of(title)["targets"]:
        expr = target["expr"].replace("$pair", "EUR/USD")
        for variable in ("cluster", "job", "instance"):
            expr = expr.replace(f"${variable}", ".*")
        found[target["refId"]] = expr
    return found


@pytest.mark.parametrize(
    ("title", "values"),
    [
        ("Rate and range of $pair", {"A": 1.0, "B": 1.02, "C": 0.98, "D": 1.01, "E": 0.99}),
        ("Half width of the ranges", {"A": 1.0, "B": 1.0, "C": 2.0}),
    ],
)
def test_a_rate_and_its_range_are_of_the_worker_with_the_newest_rate(
    title: str, values: dict[str, float], tmp_path: Path
) -> None:
    exprs = shown(title)
    assert exprs.keys() == values.keys()
    content = {
        "tests": [
            {
                "interval": "10s",
                "input_series": [
                    {"series": name, "values": f"{value}+0x6"} for name, value in SERIES.items()
                ],
                "promql_expr_test": [
                    {
                        "expr": f"round({expr}, 0.0001)",
                        "eval_time": "1m",
                        "exp_samples": [{"labels": '{pair="EUR/USD"}', "value": values[letter]}],
                    }
                    for letter, expr in exprs.items()
                ],
            }
        ]
    }
    path = tmp_path / "rates.yml"
    path.write_text(yaml.safe_dump(content))
    assert "SUCCESS" in run("promtool", "test", "rules", path)
