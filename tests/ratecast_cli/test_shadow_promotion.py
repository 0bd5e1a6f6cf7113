"""`ratecast retrain --promote`: what it asks the workers, what it prints, and when it changes the current model."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest

from monitoring.metrics import WorkerMetrics
from ratecast.errors import ModelBundleError, OperationError, UsageError
from ratecast.model.bundle import ONNX, current_version
from ratecast.model.shadow_pointer import remove_shadow, set_shadow, shadow_version
from ratecast.scoring.observations import HindcastErrors
from ratecast_cli import retrain_command as command
from ratecast_stack.children import free_port
from tests.bundles import SIGMA, training_stats, write_bundle
from tests.observations import observations_of
from tests.producer import commands


@pytest.fixture
def models_dir(tmp_path, monkeypatch):
    write_bundle(tmp_path, "champion")
    write_bundle(tmp_path, "challenger", make_current=False)
    set_shadow(tmp_path, "challenger")
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(tmp_path))
    return tmp_path


def observations(version, count, half, first):
    """Normal errors; ranges of ``half`` times the right width."""
    z = np.abs(np.random.default_rng(1).standard_normal(count))
    halves = SIGMA * half * np.tile([1.2816, 1.96], (count, 1))
    inside = (SIGMA * z)[:, None] <= halves
    rows, offsets = np.arange(count) % 2, first + np.arange(count)
    found = HindcastErrors(
        rows, SIGMA * z, SIGMA * z, inside, z, np.zeros(count, dtype=bool), halves, offsets
    )
    return observations_of(version, found)


def exposed(count=2000, shadow_half=1.0, champion="champion", shadow="challenger"):
    """What a worker exposes after it compared ``count`` forecasts."""
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry, list)
    metrics.model_loaded(training_stats(champion))
    if shadow is not None:
        metrics.shadow.shadow_loaded(training_stats(shadow))
        metrics.shadow.add(
            [observations(champion, count, 1.0, 0)], [observations(shadow, count, shadow_half, 0)]
        )
    return generate_latest(registry)


@contextmanager
def workers(*pages):
    """Serves each page as a worker's metrics, and yields the options that name them."""
    loop, started, urls = asyncio.new_event_loop(), threading.Event(), []

    async def serve():
        app = web.Application()
        for number, page in enumerate(pages):

            async def metrics(_, page=page):
                return web.Response(body=page)

            app.router.add_get(f"/{number}/metrics", metrics)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        urls.extend(f"http://127.0.0.1:{port}/{number}/metrics" for number in range(len(pages)))
        started.set()
        return runner

    async def run():
        runner = await serve()
        await stopping.wait()
        await runner.cleanup()

    stopping = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert started.wait(20)
    try:
        yield [option for url in urls for option in ("--metrics-url", url)]
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(20)
        loop.close()


def promote(*arguments):
    return commands.invoke(command, "--promote", *arguments)


def test_a_shadow_model_that_is_not_worse_becomes_current(models_dir):
    with workers(exposed(), exposed(1000)) as urls:
        result = promote(*urls)
    assert result.exit_code == 0, result.exception
    assert current_version(models_dir) == "challenger"
    assert shadow_version(models_dir) is None
    lines = result.stdout.splitlines()
    assert lines[0] == (
        "The current model champion (old) and the shadow model challenger (new) on 3,000 live forecasts of 2 workers"
    )
    assert [line.split()[:2] for line in lines if line.startswith(("EUR/", "all"))] == [
        ["EUR/GBP", "1,500"],
        ["EUR/USD", "1,500"],
        ["all", "3,000"],
    ]
    assert lines[-1] == "model   challenger (now current; there is no shadow model any more)"


def test_figures_of_workers_are_added_and_one_worker_counts_once(models_dir):
    with workers(exposed(), exposed(1000)) as urls:
        result = promote(*urls, *urls, "--json", "--dry-run")
    found = json.loads(result.stdout)
    assert (found["workers"], found["all"]["champion"]["n"], found["promoted"]) == (2, 3000, None)
    z = [np.abs(np.random.default_rng(1).standard_normal(count)) for count in (2000, 1000)]
    assert found["all"]["challenger"]["coverage"]["80"] == pytest.approx((np.concatenate(z) <= 1.2816).mean())
    assert found["all"]["challenger"]["mae"] == pytest.approx(np.concatenate(z).mean())
    assert current_version(models_dir) == "champion"


def test_a_dry_run_says_what_would_happen(models_dir):
    with workers(exposed()) as urls:
        result = promote(*urls, "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == (
        "the shadow model is not worse: without --dry-run it would become the current model"
    )
    assert (current_version(models_dir), shadow_version(models_dir)) == ("champion", "challenger")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        ({"shadow_half": 0.8}, "its Winkler score 95 is .* % worse"),
        ({"count": 1000}, "only 1,000 forecasts were compared, and 1,200 are needed"),
        ({"count": 0}, "no forecast was compared yet"),
        ({"shadow": None}, "has no shadow model in use"),
        (
            {"shadow": "another"},
            "compares champion with the shadow model another, not champion with challenger",
        ),
        ({"champion": "another"}, "compares another with the shadow model challenger"),
    ],
)
def test_a_refusal_is_exit_code_one_with_the_reason_and_changes_nothing(models_dir, page, reason):
    with workers(exposed(**page)) as urls:
        result = promote(*urls)
    assert isinstance(result.exception, OperationError)
    assert re.search(reason, str(result.exception)), str(result.exception)
    assert (current_version(models_dir), shadow_version(models_dir)) == ("champion", "challenger")


def test_fewer_forecasts_are_enough_if_one_says_so(models_dir):
    with workers(exposed(1000)) as urls:
        assert promote(*urls, "--forecasts", "1000").exit_code == 0
    assert current_version(models_dir) == "challenger"


def test_a_worker_that_cannot_be_read_is_named(models_dir):
    for url in (f"http://127.0.0.1:{free_port()}/metrics", "no-url"):
        result = promote("--metrics-url", url)
        assert isinstance(result.exception, OperationError)
        assert f"the worker at {url} cannot be read" in str(result.exception)
    with workers(b"") as (option, url):
        result = promote(option, url + "x")
    assert "404" in str(result.exception)


def test_the_worker_of_this_machine_is_asked_unless_another_is_named(models_dir, monkeypatch):
    with workers(exposed()) as (_, url):
        port = url.split(":")[2].split("/")[0]
        monkeypatch.setenv("RATECAST_HTTP_PORT", port)
        monkeypatch.setenv("RATECAST_HTTP_HOST", "0.0.0.0")
        result = promote()
    assert f"http://127.0.0.1:{port}/metrics cannot be read: 404" in str(result.exception)
    monkeypatch.setenv("RATECAST_HTTP_PORT", "0")
    assert isinstance(promote().exception, UsageError)


def test_a_broken_or_missing_shadow_model_is_refused(models_dir):
    (models_dir / "challenger" / ONNX).write_bytes(b"torn")
    assert isinstance(promote().exception, ModelBundleError)
    remove_shadow(models_dir)
    result = promote()
    assert isinstance(result.exception, UsageError)
    assert "`ratecast retrain --shadow`" in str(result.exception)
    assert current_version(models_dir) == "champion"


def test_options_that_contradict_each_other_are_refused(models_dir):
    for options in (("--promote", "--shadow"), ("--shadow", "--dry-run")):
        assert isinstance(commands.invoke(command, *options).exception, UsageError)
