"""How smooth the page is in Chromium while 60 pairs change: ``python -m benchmarks.page_frames [SECONDS]``.

Real predictions, scored once before, are written to the output topic at an exact rate, and a real ``ratecast web``
reads them. No worker runs, so that the processor's time goes to what is measured. The model knows fewer pairs than 60;
each appears under several names.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer
from playwright.sync_api import expect, sync_playwright
from rich.console import Console
from rich.table import Table

from benchmarks.bench_broker import bench_broker
from benchmarks.replayed_records import replayed_records
from benchmarks.step_times import current_bundle
from ratecast.kafka.topics import ensure_topics
from ratecast.scoring.scorer import Scorer
from ratecast.settings import load_settings
from ratecast_stack.children import answers, free_port, running
from ratecast_stack.shadowing import child_environment, ratecast_command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import CDPSession, Page

PAIRS = 60
RATES = (0, 100, 1_000)  # messages per second
DAYS = 300  # before the measurement, so that tiles and charts are full

RECORD = """seconds => new Promise(done => {
    const frames = [], long = [], began = performance.now();
    const watch = new PerformanceObserver(list => long.push(...list.getEntries().map(({duration}) => duration)));
    watch.observe({type: "longtask"});
    let changes = 0;
    new MutationObserver(list => { changes += list.length; }).observe(document.querySelector("main"),
        {subtree: true, childList: true, characterData: true, attributes: true});
    let last = began;
    const frame = now => {
        frames.push(now - last);
        last = now;
        if (now - began < 1000 * seconds) requestAnimationFrame(frame);
        else done({frames: frames.slice(1), long, changes, heap: performance.memory.usedJSHeapSize});
    };
    requestAnimationFrame(frame);
})"""


def predictions() -> list[tuple[bytes, bytes]]:
    """Returns key and value of predictions of 60 pairs, all pairs of a day before the next day."""
    bundle = current_bundle()
    pairs = len(bundle.stats.pairs)
    scored = Scorer(bundle, 1_000_000).score(
        replayed_records(bundle, pairs * 2 * DAYS), dt.datetime.now(dt.UTC)
    )
    found = []
    for start in range(0, len(scored.values), pairs):
        for copy in range(-(-PAIRS // pairs)):
            for pair, value in zip(scored.pairs[start:][:pairs], scored.values[start:][:pairs], strict=True):
                name = (
                    pair if copy == 0 else f"{pair[:4]}{pair[4:6]}{copy}".replace("1", "X").replace("2", "Y")
                )
                found.append((name.encode(), value.replace(f'"{pair}"'.encode(), f'"{name}"'.encode(), 1)))
    return found


def publish(
    producer: Producer, topic: str, messages: Sequence[tuple[bytes, bytes]], rate: int, stop: threading.Event
) -> None:
    """Write the messages again and again, each when it is due, until stopped."""
    start, number = time.perf_counter(), 0
    while not stop.is_set():
        due = int((time.perf_counter() - start) * rate)
        while number < due:
            key, value = messages[number % len(messages)]
            producer.produce(topic, value, key=key)
            number += 1
        producer.poll(0)
        time.sleep(0.005)
    producer.flush(30)


def measured(page: Page, tools: CDPSession, seconds: float) -> dict[str, float]:
    """Returns the figures of a stretch of time: frames in milliseconds, the main thread's share of a core in percent."""
    before = _counters(tools)
    found: dict[str, Any] = page.evaluate(RECORD, seconds)
    after = _counters(tools)
    frames = sorted(found["frames"])
    spent = {
        name: 100 * (after[name] - before[name]) / (after["Timestamp"] - before["Timestamp"])
        for name in after
    }
    return {
        "frames a second": len(frames) / (sum(frames) / 1000),
        "p50 ms": frames[len(frames) // 2],
        "p99 ms": frames[int(0.99 * len(frames))],
        "longest ms": frames[-1],
        "tasks over 50 ms": len(found["long"]),
        "CPU of the main thread %": spent["TaskDuration"],
        "of it scripts %": spent["ScriptDuration"],
        "changes of the page a second": found["changes"] / seconds,
        "heap MB": found["heap"] / 1e6,
    }


def _counters(tools: CDPSession) -> dict[str, float]:
    metrics = tools.send("Performance.getMetrics")["metrics"]
    return {item["name"]: item["value"] for item in metrics if re.search("Duration|Timestamp", item["name"])}


def main(seconds: float) -> None:
    messages = predictions()
    topic = load_settings().output_topic
    table = Table("view", "messages/s", *measured_names())
    with bench_broker("embedded") as broker, tempfile.TemporaryDirectory() as home, ExitStack() as stack:
        settings = load_settings(bootstrap_servers=broker.bootstrap_servers)
        asyncio.run(ensure_topics(settings))  # before Playwright, whose loop takes this thread
        playwright = stack.enter_context(sync_playwright())
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 5})
        first = messages[: PAIRS * DAYS]
        for key, value in first:
            producer.produce(topic, value, key=key)
            producer.poll(0)
        producer.flush(30)
        port = free_port()
        command = ratecast_command("web", "-b", broker.bootstrap_servers, "--web-port", str(port))
        with running("web", command, Path(home), child_environment()) as web:
            web.wait_until(partial(answers, port, "/ready"))
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox", "--enable-precise-memory-info"],
            )
            for view, address, ready in (
                ("overview", "#/", ".tile .rate-line"),
                ("pair", "#/pair/EUR-USD", ".chart .rate-line"),
            ):
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                tools = page.context.new_cdp_session(page)
                # The time that the thread ran, which a busy machine does not change much.
                tools.send("Performance.enable", {"timeDomain": "threadTicks"})
                page.goto(f"http://127.0.0.1:{port}/{address}")
                expect(page.locator(ready).first).to_be_attached()
                for rate in RATES:
                    figures = _under_load(
                        page, tools, partial(publish, producer, topic, messages[len(first) :], rate), seconds
                    )
                    table.add_row(view, f"{rate:,}", *(f"{value:.1f}" for value in figures.values()))
                page.close()
            browser.close()
    Console(width=180).print(
        table, f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", sep="\n"
    )


def measured_names() -> tuple[str, ...]:
    """The columns of the table, in the order of `measured`."""
    return (
        "frames/s",
        "p50 ms",
        "p99 ms",
        "longest ms",
        "tasks > 50 ms",
        "CPU %",
        "scripts %",
        "changes/s",
        "heap MB",
    )


def _under_load(page: Page, tools: CDPSession, work: Any, seconds: float) -> dict[str, float]:
    stop = threading.Event()
    thread = threading.Thread(target=work, args=(stop,))
    thread.start()
    try:
        time.sleep(2)  # until the load is steady
        return measured(page, tools, seconds)
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
