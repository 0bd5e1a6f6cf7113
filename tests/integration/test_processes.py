"""The programs as a user starts them: as processes, stopped by signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from ratecast.kafka.audit import audit
from ratecast.kafka.topics import ensure_topics
from tests.integration.test_worker import history
from tests.integration.workers import DEADLINE_SECONDS, publish, read, until


def environment(settings) -> dict[str, str]:
    return {
        **os.environ,
        "RATECAST_BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "RATECAST_INPUT_TOPIC": settings.input_topic,
        "RATECAST_OUTPUT_TOPIC": settings.output_topic,
        "RATECAST_DEAD_LETTER_TOPIC": settings.dead_letter_topic,
        "RATECAST_GROUP_ID": settings.group_id,
        "RATECAST_MODELS_DIR": str(settings.models_dir),
    }


async def start(settings, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ratecast", *arguments,
        env=environment(settings), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def finish(process: asyncio.subprocess.Process) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), 240)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_in_the_middle_of_the_work_loses_and_repeats_nothing(settings, number) -> None:
    await ensure_topics(settings)
    messages = [
        history(n, pair) for n in range(1500) for pair in ("EUR/GBP", "EUR/USD", "EUR/JPY", "EUR/CHF")
    ]
    await publish(settings, messages[:3000])
    first = await start(settings, "worker", "--http-port", "0")
    seen = await read(settings, settings.output_topic, 1, quiet_seconds=0.05)
    first.send_signal(number)
    await publish(settings, messages[3000:])
    code, _, err = await finish(first)
    assert code == 0, err
    assert "stopped" in err
    assert "Traceback" not in err
    assert seen
    second = await start(settings, "worker", "--http-port", "0")
    records = await read(settings, settings.output_topic, len(messages), quiet_seconds=0.5)
    second.terminate()
    assert (await finish(second))[0] == 0
    assert len(records) == len(messages)
    counted = await audit(settings)
    assert (counted.published, counted.scored, counted.exactly_once) == (len(messages), len(messages), True)


async def test_a_worker_without_a_broker_says_so_in_one_line_and_ends_with_one(settings) -> None:
    process = await start(
        settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{free_port()}"}),
        "worker", "--http-port", "0",
    )  # fmt: skip
    process.terminate()
    await finish(process)
    os.environ["RATECAST_CONNECT_TIMEOUT_SECONDS"] = "0.5"
    try:
        process = await start(
            settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{free_port()}"}),
            "worker", "--http-port", "0",
        )  # fmt: skip
    finally:
        del os.environ["RATECAST_CONNECT_TIMEOUT_SECONDS"]
    code, _, err = await finish(process)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert code == 1
    assert len(errors) == 1
    assert "no broker at" in errors[0]
    assert "Traceback" not in err


async def test_health_is_served_while_the_broker_is_still_awaited(settings) -> None:
    port = free_port()
    process = await start(
        settings.model_copy(update={"bootstrap_servers": f"127.0.0.1:{free_port()}"}),
        "worker", "--http-port", str(port),
    )  # fmt: skip
    try:
        async with aiohttp.ClientSession() as session:
            deadline = asyncio.get_running_loop().time() + DEADLINE_SECONDS
            while True:
                assert asyncio.get_running_loop().time() < deadline
                try:
                    async with session.get(f"http://127.0.0.1:{port}/ready") as response:
                        assert response.status == 503
                        assert (await response.json())["broker_reachable"] is False
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.05)
                    continue
                break
            async with session.get(f"http://127.0.0.1:{port}/health") as response:
                assert response.status == 200
    finally:
        process.terminate()
    code, _, err = await finish(process)
    assert code == 0, err


async def test_the_demo_in_a_short_form_counts_everything_once_and_leaves_nothing(
    settings, tmp_path: Path
) -> None:
    arguments = ("--from", "2025-01-01", "--to", "2025-03-01", "--pair", "EUR/GBP", "--pair", "EUR/USD")
    before = set(Path("/proc").glob("[0-9]*"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ratecast", "demo", *arguments, "--rate", "max", "--json",
        env={**environment(settings), "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    code, out, err = await finish(process)
    assert code == 0, err
    summary = json.loads(out)
    assert summary["published"] == summary["scored"] == 84
    assert (summary["lost"], summary["duplicated"], summary["dead_lettered"]) == (0, 0, 0)
    assert summary["hindcast"]["forecasts"] == 82
    assert summary["seen_in_training"] is (summary["trained_until"] >= "2025-01-02")
    assert 0 < summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]
    assert list(tmp_path.iterdir()) == []
    left = [path for path in set(Path("/proc").glob("[0-9]*")) - before if str(tmp_path) in command(path)]
    assert left == []


async def test_an_interrupted_demo_leaves_nothing_behind(settings, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "ratecast", "demo", "--rate", "20/s", "--to", "2025-02-01",
        env={**environment(settings), "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    while not (line := (await process.stderr.readline()).decode()).startswith("worker 2"):
        assert line
    pids = [int(line.split()[3].rstrip(",")) for line in [line]]
    process.send_signal(signal.SIGINT)
    code, _, _ = await finish(process)
    assert code == 130
    assert list(tmp_path.iterdir()) == []
    for pid in pids:
        await until(lambda pid=pid: not Path(f"/proc/{pid}").exists())


def command(process: Path) -> str:
    try:
        return (process / "cmdline").read_text()
    except OSError:
        return ""


def test_histories_of_tests_have_unique_ids() -> None:
    identifiers = Counter(json.loads(history(n, "EUR/GBP")[1])["message_id"] for n in range(50))
    assert set(identifiers.values()) == {1}
