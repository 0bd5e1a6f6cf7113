"""The Python of the how-to guide runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

from consumer.worker import Worker

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "forecast.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_example_of_asking_runs(models_dir, tmp_path, monkeypatch, capsys):
    (tmp_path / "models").symlink_to(models_dir)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(BLOCKS[0], str(PAGE), "exec"), names)  # noqa: S102 - our own page
    target, forecast, *_ = capsys.readouterr().out.split()
    assert (target, forecast) == ("2026-11-02", "1.1172")
    assert list(names["answers"]) == ["EUR/GBP", "EUR/USD"]
    assert len(names["answers"].to_dataframe()) == 2


async def test_the_example_of_a_worker_runs_stops_and_leaves_signals_alone(monkeypatch):
    ran = []

    async def run(worker: Worker, *, handle_signals: bool = True) -> None:
        ran.append((worker.settings.http_port, handle_signals))
        await worker._stopping.wait()

    monkeypatch.setattr(Worker, "run", run)
    names: dict[str, object] = {}
    example = BLOCKS[1].replace("...  # your own work", "await asyncio.sleep(0)")
    exec(compile(example, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    await names["main"]()
    assert ran == [(0, False)]
