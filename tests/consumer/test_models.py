"""The model in use: exchanged when `current` changes, kept when what is offered is not sound."""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import threading

import pytest
from prometheus_client import CollectorRegistry

from consumer.models import CurrentModel
from monitoring.metrics import WorkerMetrics
from ratecast.errors import ModelBundleError
from ratecast.model import bundle as model
from ratecast.settings import Settings
from tests.bundles import forest_on_noise, write_bundle, write_manifest


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def models(tmp_path, registry, caplog):
    caplog.set_level(logging.INFO)
    write_bundle(tmp_path, "one")
    current = CurrentModel(Settings(models_dir=tmp_path), WorkerMetrics(registry, list))
    current.load()
    return current


def reloads(registry):
    names = ("loaded", "refused")
    return tuple(registry.get_sample_value("model_reloads_total", {"outcome": name}) for name in names)


def shown(registry):
    """What `model_info` shows."""
    return [
        sample.labels["version"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "model_info" and sample.value
    ]


def errors(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_the_first_model_is_no_reload(models, registry):
    await models.check()
    assert (models.version, models.refused) == ("one", None)
    assert reloads(registry) == (0, 0)
    assert shown(registry) == ["one"]


async def test_a_bundle_that_stands_still_is_read_once(models, tmp_path, monkeypatch):
    load, read = model.load, []
    monkeypatch.setattr(model, "load", lambda *arguments: read.append(1) or load(*arguments))
    write_bundle(tmp_path, "two", seed=1)
    for _ in range(3):
        await models.check()
    corrupt(tmp_path / "two")
    for _ in range(3):
        await models.check()
    assert len(read) == 2


async def test_a_bundle_whose_permissions_were_mended_is_read_again(models, tmp_path, monkeypatch):
    write_bundle(tmp_path, "two", seed=1)
    with monkeypatch.context() as patched:

        def unreadable(*_):
            raise ModelBundleError("invented: permission denied")

        patched.setattr(model, "load", unreadable)
        await models.check()
    assert models.version == "one"
    await models.check()
    assert models.version == "one"  # nothing has changed
    (tmp_path / "two" / model.STATS).chmod(0o640)
    await models.check()
    assert (models.version, models.refused) == ("two", None)


async def test_a_bundle_that_is_whole_but_says_nonsense_is_refused(models, registry, tmp_path):
    directory = write_bundle(tmp_path, "two", seed=1)
    stats = json.loads((directory / model.STATS).read_text()) | {"trained_until": "2024"}
    (directory / model.STATS).write_text(json.dumps(stats))
    write_manifest(directory, "two")
    await models.check()
    assert models.version == "one"
    assert shown(registry) == ["one"]
    assert "trained_until" in models.refused["reason"]


async def test_a_new_current_is_taken_into_use_and_the_only_one_shown(models, registry, tmp_path):
    before = models.scorer()
    write_bundle(tmp_path, "two", seed=1)
    await models.check()
    assert models.version == "two"
    assert models.scorer() is not before
    assert models.scorer().bundle.onnx == (tmp_path / "two" / model.ONNX).read_bytes()
    assert shown(registry) == ["two"]
    assert reloads(registry) == (1, 0)
    await models.check()
    assert reloads(registry) == (1, 0)


async def test_going_back_to_the_old_model_is_a_reload_too(models, registry, tmp_path):
    write_bundle(tmp_path, "two", seed=1)
    await models.check()
    model.set_current(tmp_path, "one")
    await models.check()
    assert models.version == "one"
    assert shown(registry) == ["one"]
    assert reloads(registry) == (2, 0)


async def test_a_directory_that_was_replaced_under_its_name_is_loaded_anew(models, registry, tmp_path):
    before = models.scorer()
    shutil.rmtree(tmp_path / "one")
    write_bundle(tmp_path, "one", seed=1)
    await models.check()
    assert models.scorer() is not before
    assert models.scorer().bundle.onnx == forest_on_noise(seed=1)[0]
    assert reloads(registry) == (1, 0)


async def test_the_same_files_written_again_change_nothing(models, registry, tmp_path):
    before = models.scorer()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    shutil.rmtree(tmp_path / "one")
    (tmp_path / "copy").rename(tmp_path / "one")
    (tmp_path / "one" / "notes.txt").write_text("beside it")
    await models.check()
    assert models.scorer() is before
    assert reloads(registry) == (0, 0)


def corrupt(directory):
    (directory / model.ONNX).write_bytes(b"torn")


def other_graph(directory):
    (directory / model.ONNX).write_bytes(forest_on_noise(seed=2)[0])
    write_manifest(directory, directory.name)


def incomplete(directory):
    (directory / model.STATS).unlink()


def unfit(directory):
    stats = json.loads((directory / model.STATS).read_text())
    stats["quality"]["pairs"].popitem()
    (directory / model.STATS).write_text(json.dumps(stats))
    write_manifest(directory, directory.name)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (corrupt, "does not match its SHA-256"),
        (other_graph, "differs from its scikit-learn model"),
        (incomplete, "incomplete"),
        (unfit, "cannot be used: KeyError"),
        (shutil.rmtree, "incomplete"),
    ],
)
async def test_an_unsound_bundle_is_refused_and_named_once(models, registry, tmp_path, caplog, spoil, reason):
    before = models.scorer()
    spoil(write_bundle(tmp_path, "two", seed=1))
    for _ in range(3):
        await models.check()
    assert models.scorer() is before
    assert models.refused["version"] == "two"
    assert reason in models.refused["reason"]
    assert registry.get_sample_value("model_refused") == 1
    assert shown(registry) == ["one"]
    assert reloads(registry) == (0, 1)
    (line,) = errors(caplog)
    assert line.startswith("rejected a model: ")
    assert line.endswith("; still using one")
    assert models.refused["reason"] in line


async def test_a_refused_bundle_is_tried_again_when_its_files_change(models, registry, tmp_path):
    """As when a look falls into the middle of a copy."""
    directory = write_bundle(tmp_path, "two", seed=1)
    whole = (directory / model.ONNX).read_bytes()
    (directory / model.ONNX).write_bytes(whole[:1000])
    await models.check()
    assert models.refused["version"] == "two"
    (directory / model.ONNX).write_bytes(whole)
    await models.check()
    assert (models.version, models.refused) == ("two", None)
    assert registry.get_sample_value("model_refused") == 0
    assert reloads(registry) == (1, 1)


async def test_the_same_fault_after_another_copy_is_not_told_again(models, registry, tmp_path, caplog):
    directory = write_bundle(tmp_path, "two", seed=1)
    for torn in (b"torn", b"torn otherwise"):
        (directory / model.ONNX).write_bytes(torn)
        await models.check()
    assert len(errors(caplog)) == 1
    assert reloads(registry) == (0, 1)


async def test_a_refused_bundle_is_named_again_when_current_comes_back_to_it(
    models, registry, tmp_path, caplog
):
    corrupt(write_bundle(tmp_path, "two", seed=1))
    await models.check()
    model.set_current(tmp_path, "one")
    await models.check()
    assert models.refused is None
    assert reloads(registry) == (0, 1)
    model.set_current(tmp_path, "two")
    await models.check()
    assert models.refused["version"] == "two"
    assert len(errors(caplog)) == 2
    assert reloads(registry) == (0, 2)


async def test_a_bundle_that_changes_while_it_is_read_is_neither_good_nor_bad(
    models, registry, tmp_path, monkeypatch
):
    directory = write_bundle(tmp_path, "two", seed=1)
    whole = (directory / model.ONNX).read_bytes()
    (directory / model.ONNX).write_bytes(b"torn")
    load = model.load

    def finished_meanwhile(*arguments):
        try:
            return load(*arguments)
        finally:
            (directory / model.ONNX).write_bytes(whole)

    monkeypatch.setattr(model, "load", finished_meanwhile)
    await models.check()
    assert (models.version, models.refused) == ("one", None)
    assert reloads(registry) == (0, 0)
    monkeypatch.setattr(model, "load", load)
    await models.check()
    assert models.version == "two"
    assert reloads(registry) == (1, 0)


async def test_no_current_at_all_keeps_the_model_in_use(models, tmp_path, caplog):
    (tmp_path / model.CURRENT).unlink()
    await models.check()
    assert models.version == "one"
    assert models.refused["version"] is None
    assert "no model in" in models.refused["reason"]
    assert len(errors(caplog)) == 1


async def test_the_event_loop_goes_on_while_a_bundle_is_read(models, tmp_path, monkeypatch):
    write_bundle(tmp_path, "two", seed=1)
    load, released = model.load, threading.Event()

    def slow(*arguments):
        assert released.wait(20)
        return load(*arguments)

    monkeypatch.setattr(model, "load", slow)
    before = models.scorer()
    checking = asyncio.create_task(models.check())
    done, _ = await asyncio.wait([checking], timeout=0.2)
    assert not done
    assert models.scorer() is before
    released.set()
    await checking
    assert models.version == "two"


async def test_the_watch_looks_again_and_again(tmp_path):
    write_bundle(tmp_path, "one")
    settings = Settings(models_dir=tmp_path, model_check_seconds=0.01)
    models = CurrentModel(settings, WorkerMetrics(CollectorRegistry(), list))
    models.load()
    watching = asyncio.create_task(models.watch())
    try:
        for version in ("two", "three"):
            write_bundle(tmp_path, version)
            async with asyncio.timeout(20):
                while models.version != version:
                    await asyncio.sleep(0.01)
    finally:
        watching.cancel()


def test_at_the_start_an_unsound_bundle_is_an_error(tmp_path):
    corrupt(write_bundle(tmp_path, "one"))
    models = CurrentModel(Settings(models_dir=tmp_path), WorkerMetrics(CollectorRegistry(), list))
    with pytest.raises(ModelBundleError, match="SHA-256"):
        models.load()
