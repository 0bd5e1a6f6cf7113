"""A worker whose models come from a URL: exchanged, refused and kept as those of a directory."""

from __future__ import annotations

import asyncio
import logging
import shutil

import pytest
from prometheus_client import CollectorRegistry

from consumer.models import CurrentModel
from monitoring.metrics import WorkerMetrics
from ratecast.errors import ModelBundleError, OperationError
from ratecast.model.bundle import CURRENT, ONNX, set_current
from ratecast.model.shadow_pointer import set_shadow, shadow_version
from ratecast.settings import Settings
from tests.bundles import write_bundle
from tests.remote_bundles import served


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sound")
    for seed, version in enumerate(("one", "two")):
        write_bundle(directory, version, seed=seed, make_current=not seed)
    return directory


@pytest.fixture
def there(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "there")
    return tmp_path / "there"


@pytest.fixture
def server(there):
    with served(there) as server:
        yield server


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def settings(server, tmp_path):
    return Settings(
        models_dir=tmp_path / "here", models_url=server.url, models_url_seconds=1, model_check_seconds=0.01
    )


@pytest.fixture
def models(settings, registry, caplog):
    caplog.set_level(logging.INFO)
    return CurrentModel(settings, WorkerMetrics(registry, list))


async def look(models):
    await models._remote.check()
    await models.check()


def lines(caplog, words):
    return [line for line in caplog.messages if words in line]


async def test_a_worker_starts_with_the_model_of_the_url_and_follows_it(models, there, registry):
    await models.start()
    assert models.version == "one"
    set_current(there, "two")
    await look(models)
    assert (models.version, models.refused) == ("two", None)
    assert registry.get_sample_value("model_reloads_total", {"outcome": "loaded"}) == 1


async def test_a_refused_model_is_shown_until_another_is_named(models, there, registry, caplog):
    await models.start()
    (there / "two" / ONNX).write_bytes(b"x")
    set_current(there, "two")
    for _ in range(3):
        await look(models)
    assert models.version == "one"
    assert "two/model.onnx does not match its SHA-256 checksum" in models.refused["reason"]
    assert registry.get_sample_value("model_refused") == 1
    assert registry.get_sample_value("model_reloads_total", {"outcome": "refused"}) == 1
    assert len(lines(caplog, "rejected a model")) == 1
    assert lines(caplog, "still using one")
    set_current(there, "one")
    await look(models)
    assert models.refused is None
    assert registry.get_sample_value("model_refused") == 0
    assert lines(caplog, "names a sound model again; using one")


async def test_a_server_that_is_down_keeps_the_model_and_is_one_line_until_it_is_back(
    models, server, registry, caplog
):
    await models.start()
    server.status = 503
    for _ in range(3):
        await look(models)
    assert (models.version, models.refused) == ("one", None)
    assert registry.get_sample_value("model_refused") == 0
    (line,) = lines(caplog, "cannot be read: 503")
    assert "the models in" in line
    assert "stay in use" in line
    server.status = 0
    await look(models)
    assert len(lines(caplog, "can be read again")) == 1


async def test_a_worker_starts_with_what_is_here_when_the_server_is_down(
    models, settings, server, sound, caplog
):
    shutil.copytree(sound, settings.models_dir)
    server.status = 500
    await models.start()
    assert models.version == "one"
    assert len(lines(caplog, "starting with model one, which is here from before")) == 1
    await look(models)
    assert len(lines(caplog, "cannot be read: 500")) == 1  # said at start


async def test_a_worker_without_any_model_says_why_and_ends(models, server, there):
    server.status = 500
    with pytest.raises(OperationError, match="/current cannot be read: 500"):
        await models.start()
    server.status = 0
    (there / CURRENT).unlink()
    with pytest.raises(ModelBundleError, match="there is no http"):
        await models.start()


async def test_a_model_that_is_refused_at_start_leaves_the_one_from_before(
    models, settings, there, sound, caplog
):
    shutil.copytree(sound, settings.models_dir)
    (there / "two" / ONNX).write_bytes(b"x")
    set_current(there, "two")
    shutil.rmtree(settings.models_dir / "two")
    await models.start()
    assert models.version == "one"
    await look(models)
    assert "does not match" in models.refused["reason"]
    assert lines(caplog, "still using one")


async def test_the_shadow_model_comes_along_and_its_fault_touches_nothing_else(
    models, settings, there, caplog
):
    await models.start()
    set_shadow(there, "two")
    await look(models)
    assert shadow_version(settings.models_dir) == "two"
    set_shadow(there, "three")
    for _ in range(2):
        await look(models)
    assert shadow_version(settings.models_dir) == "two"
    assert len(lines(caplog, "no other shadow model: model three at")) == 1
    assert (models.version, models.refused) == ("one", None)


async def test_watching_looks_at_once_and_at_the_directory_meanwhile(models, there):
    await models.start()
    set_current(there, "two")
    watching = asyncio.create_task(models.watch())
    try:
        async with asyncio.timeout(20):
            while models.version != "two":
                await asyncio.sleep(0.01)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
