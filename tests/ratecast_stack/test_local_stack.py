from __future__ import annotations

import signal
from pathlib import Path

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
    monkeypatch.setattr(stacks, "_FIRST_WORKER_PORT", free_port())


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
