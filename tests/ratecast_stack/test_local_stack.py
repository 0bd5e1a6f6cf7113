from __future__ import annotations

import importlib.util
import signal
import time
from pathlib import Path

import httpx
import pytest

from ratecast.errors import ModelBundleError, OperationError
from ratecast.settings import Settings
from ratecast_stack import local_stack as stacks
from ratecast_stack.children import Child, free_port
from ratecast_stack.interrupts import signals_ignored, signals_interrupt
from ratecast_stack.local_stack import ensure_model, local_stack


@pytest.fixture(autouse=True)
def _own_port(monkeypatch) -> None:
    """Other tests run workers on the default port at the same time, and their answer would count as ours."""
    monkeypatch.setattr(stacks, "_FIRST_PORT", free_port())


def is_gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [0, 1], ids=["broker", "worker"])
def test_a_part_that_dies_is_an_error_and_the_rest_is_stopped(models_dir, number) -> None:
    lines: list[str] = []
    with (
        pytest.raises(OperationError, match="ended unexpectedly"),
        local_stack(Settings(models_dir=models_dir), 1, lines.append) as stack,
    ):
        stack.require_running()
        assert [line.split()[0] for line in lines] == ["broker", "worker"]
        assert stack.settings.bootstrap_servers in lines[0]
        assert stack.metrics_urls[0] in lines[1]
        stack.children[number].process.kill()
        stack.children[number].process.wait()
        stack.require_running()
    assert all(is_gone(child.process.pid) for child in stack.children)
    assert not stack.home.exists()


def test_without_its_packages_the_page_is_left_out_with_one_line(monkeypatch) -> None:
    lines: list[str] = []
    assert stacks._has_page(lines.append)
    assert lines == []
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "uvicorn" else found(name))
    assert not stacks._has_page(lines.append)
    (line,) = lines
    assert line.startswith("page      none: the page needs uvicorn: run ")


def test_the_page_shows_what_the_stack_does_and_its_end_is_noticed(models_dir) -> None:
    lines: list[str] = []
    with local_stack(Settings(models_dir=models_dir), 1, lines.append, with_page=True) as stack:
        assert lines[-1] == f"page      {stack.page_url} shows all of this live"
        with httpx.Client(base_url=stack.page_url or "", timeout=10) as http:
            deadline = time.monotonic() + 30
            # 503 until the page has reached the broker.
            while (answer := http.post("/predict", json={"history": [0.85, 0.86, 0.87]})).status_code == 503:
                assert time.monotonic() < deadline
            assert answer.json()["prediction"] == 0.87
            state = http.get("/api/state").json()
        assert state["demo"] is True
        assert state["strip"]["workers_expected"] == 1
        stack.children[-1].process.kill()
        stack.children[-1].process.wait()
        with pytest.raises(OperationError, match="page ended unexpectedly"):
            stack.require_running()


def test_a_worker_that_does_not_start_is_an_error_and_nothing_is_left(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with (
        pytest.raises(OperationError, match=r"^worker 1 ended unexpectedly: .*no model"),
        local_stack(Settings(models_dir=tmp_path / "models"), 1, lambda _: None),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_current_model_is_used_and_a_damaged_one_is_never_replaced(models_dir, tmp_path) -> None:
    lines: list[str] = []
    assert ensure_model(Settings(models_dir=models_dir), lines.append).model_version == "test-1"
    assert lines == []
    (tmp_path / "current").write_text("lost\n")
    with pytest.raises(ModelBundleError):
        ensure_model(Settings(models_dir=tmp_path), lines.append)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_interrupts_and_later_ones_do_not(number) -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with signals_interrupt():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
    with signals_ignored():
        signal.raise_signal(number)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_signal_during_the_stop_does_not_cut_it_off(models_dir, monkeypatch) -> None:
    stop = Child.stop

    def interrupted(child: Child, *limit: float) -> None:
        signal.raise_signal(signal.SIGINT)
        stop(child, *limit)

    with local_stack(Settings(models_dir=models_dir), 1, lambda _: None) as stack:
        monkeypatch.setattr(Child, "stop", interrupted)
    assert all(is_gone(child.process.pid) for child in stack.children)
    assert not stack.home.exists()


def test_two_workers_never_get_one_name_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("Ratecast_Group_Instance_Id", "mine")
    monkeypatch.setenv("RATECAST_GIVE_UP_SECONDS", "7")
    environment = stacks._worker_environment(Settings())
    assert environment["RATECAST_GIVE_UP_SECONDS"] == "7"
    assert not [name for name in environment if name.upper().endswith("GROUP_INSTANCE_ID")]
