"""`ratecast models`, and what every program does with a model that is not signed although a key is set."""

from __future__ import annotations

import asyncio
import json
import shutil

import pytest
from prometheus_client import CollectorRegistry
from typer.testing import CliRunner

import ratecast
from consumer.models import CurrentModel
from consumer.shadow_model import ShadowModel
from monitoring.metrics import WorkerMetrics
from ratecast.errors import ModelBundleError, RatecastError, UsageError
from ratecast.model.bundle import MANIFEST, ONNX, set_current
from ratecast.model.shadow_pointer import set_shadow
from ratecast.model.signatures import SIGNATURE, TrustedKeys
from ratecast.model.signing_key import SigningKey
from ratecast.settings import Settings, load_settings
from ratecast_cli import signing_option
from ratecast_cli.app import app, register
from ratecast_stack.local_stack import ensure_model
from tests.bundles import write_bundle
from web.model_card import ModelCards

if not app.registered_commands:  # once a process
    register()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    directory = tmp_path_factory.mktemp("made")
    signed = write_bundle(directory / "models", "signed")
    SigningKey.make(directory / "key.pem").sign(signed, "signed", (signed / MANIFEST).read_bytes())
    write_bundle(directory / "models", "unsigned", seed=1, make_current=False)
    return directory


@pytest.fixture
def key(made, tmp_path):
    shutil.copy(made / "key.pem", tmp_path)
    return SigningKey.load(tmp_path / "key.pem")


@pytest.fixture
def models(made, tmp_path, monkeypatch, key):
    """A signed bundle that is current, and one that is not signed."""
    shutil.copytree(made / "models", tmp_path / "models")
    monkeypatch.setenv("RATECAST_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def with_key(monkeypatch, key):
    monkeypatch.setenv("RATECAST_MODEL_KEY", key.public_key)


def run(*arguments):
    done = CliRunner().invoke(app, [*arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_the_list_says_who_signed_and_what_a_worker_would_refuse(models, with_key, key):
    set_shadow(models, "unsigned")
    (models / "broken").mkdir()
    (models / "broken" / SIGNATURE).write_text("no signature")
    rows = {row["version"]: row for row in json.loads(run("models", "list", "--json"))}
    assert rows.keys() == {"signed", "unsigned", "broken"}
    assert rows["signed"] == {
        "version": "signed",
        "use": "current",
        "signed_with": key.id,
        "refused": None,
        "trained_until": "2024-12-31",
    }
    assert rows["unsigned"]["use"] == "shadow"
    assert "model unsigned is not signed" in rows["unsigned"]["refused"]
    assert "manifest.json is missing" in rows["broken"]["refused"]
    shown = run("models", "list")
    assert "sound" in shown
    assert "refused: model unsigned is not signed" in shown


def test_an_empty_list_says_what_to_do(tmp_path):
    assert "run `ratecast train` first" in run("models", "list", "--models-dir", str(tmp_path / "none"))


def test_verify_says_what_was_verified(models, key, monkeypatch):
    assert f"not verified, because RATECAST_MODEL_KEY is not set; it names the key {key.id}" in run(
        "models", "verify"
    )
    assert "signature  none" in run("models", "verify", "unsigned")
    monkeypatch.setenv("RATECAST_MODEL_KEY", key.public_key)
    assert f"signature  valid, with the key {key.id}" in run("models", "verify")
    assert json.loads(run("models", "verify", "--json"))["signature_verified"] is True
    with pytest.raises(ModelBundleError, match="model unsigned is not signed"):
        run("models", "verify", "unsigned")


def test_sign_makes_an_unsigned_model_one_that_is_loaded(models, tmp_path, with_key, key):
    assert key.id in run("models", "sign", "unsigned", "--key", str(tmp_path / "key.pem"))
    assert "valid" in run("models", "verify", "unsigned")


def test_a_damaged_model_is_not_signed(models, tmp_path):
    (models / "unsigned" / ONNX).write_bytes(b"x")
    with pytest.raises(ModelBundleError, match="does not match its SHA-256"):
        run("models", "sign", "unsigned", "--key", str(tmp_path / "key.pem"))
    assert not (models / "unsigned" / SIGNATURE).exists()


def test_keygen_prints_the_public_key_only(tmp_path):
    file = tmp_path / "new.pem"
    shown = run("models", "keygen", str(file))
    assert SigningKey.load(file).public_key in shown
    assert file.read_text().splitlines()[1] not in shown
    assert json.loads(run("models", "keygen", str(tmp_path / "other.pem"), "--json")).keys() == {
        "private_key",
        "public_key",
        "id",
    }


def test_push_and_pull_carry_a_model_to_another_directory(models, tmp_path, monkeypatch, with_key):
    for command in ("push", "pull"):
        with pytest.raises(UsageError, match="RATECAST_MODELS_URL is not set"):
            run("models", command)
    monkeypatch.setenv("RATECAST_MODELS_URL", f"file://{tmp_path}/store")
    assert f"signed (now current at file://{tmp_path}/store)" in run("models", "push")
    there, here = tmp_path / "store", str(tmp_path / "here")
    assert run("models", "pull", "--models-dir", here) == "model   signed (now current)\n"
    set_shadow(there, "signed")
    assert "shadow  signed" in run("models", "pull", "--models-dir", here)
    assert "valid" in run("models", "verify", "--models-dir", here)
    with pytest.raises(ModelBundleError, match="model unsigned is not signed"):
        run("models", "push", "unsigned")


def shadow_of(settings):
    set_current(settings.models_dir, "signed")
    set_shadow(settings.models_dir, "unsigned")
    model = ShadowModel(settings, WorkerMetrics(CollectorRegistry(), list).shadow)
    asyncio.run(model.check())
    if model.scorer is None:
        raise ModelBundleError(model._rejection or "none")


def promotion(settings):
    set_shadow(settings.models_dir, "unsigned")
    run("retrain", "--promote")


PROGRAMS = {
    "worker": lambda settings: CurrentModel(settings, WorkerMetrics(CollectorRegistry(), list)).load(),
    "shadow": shadow_of,
    "demo": lambda settings: ensure_model(settings, print),
    "forecast": lambda settings: run("forecast", "EUR/USD"),
    "drift-report": lambda settings: run("drift-report", "--model", "unsigned"),
    "retrain": lambda settings: run("retrain", "--base", "none", "--dry-run"),
    "retrain --promote": promotion,
    "python": lambda settings: ratecast.load(settings.models_dir),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_refuses_an_unsigned_model_when_a_key_is_set(models, with_key, program):
    set_current(models, "unsigned")
    with pytest.raises(ModelBundleError, match="model unsigned is not signed, and RATECAST_MODEL_KEY wants"):
        PROGRAMS[program](Settings())


def test_the_page_shows_nothing_of_an_unsigned_model(models, with_key):
    cards = ModelCards(models, TrustedKeys.of(Settings()))
    assert cards.card("signed", "EUR/USD")["version"] == "signed"
    assert cards.card("unsigned", "EUR/USD") is None
    assert ModelCards(models).card("unsigned", "EUR/USD")["version"] == "unsigned"


async def test_a_running_worker_keeps_its_model_until_the_new_one_is_signed(models, with_key, key, caplog):
    current = CurrentModel(Settings(), WorkerMetrics(CollectorRegistry(), list))
    current.load()
    set_current(models, "unsigned")
    await current.check()
    assert current.version == "signed"
    assert current.refused["version"] == "unsigned"
    assert "rejected a model: model unsigned is not signed" in caplog.text
    assert "still using signed" in caplog.text
    key.sign(models / "unsigned", "unsigned", (models / "unsigned" / MANIFEST).read_bytes())
    await current.check()
    assert (current.version, current.refused) == ("unsigned", None)


async def test_a_new_file_of_keys_counts_while_a_worker_runs(models, key, tmp_path, monkeypatch):
    other, file = SigningKey.make(tmp_path / "other.pem"), tmp_path / "trusted"
    file.write_text(key.public_key)
    monkeypatch.setenv("RATECAST_MODEL_KEY_FILE", str(file))
    current = CurrentModel(Settings(), WorkerMetrics(CollectorRegistry(), list))
    current.load()
    other.sign(models / "unsigned", "unsigned", (models / "unsigned" / MANIFEST).read_bytes())
    set_current(models, "unsigned")
    await current.check()
    assert current.version == "signed"
    file.write_text(f"{key.public_key}\n{other.public_key}\n")
    await current.check()
    assert current.version == "unsigned"


def test_training_needs_a_trusted_key_before_its_long_work(models, tmp_path, key, with_key):
    other = tmp_path / "other.pem"
    SigningKey.make(other)
    with pytest.raises(UsageError, match="an unsigned model would be refused: add --sign-key FILE"):
        run("train")
    with pytest.raises(UsageError, match="is not trusted, and its model would be refused"):
        run("train", "--sign-key", str(other))
    assert signing_option.signing_key(load_settings(), str(tmp_path / "key.pem")).id == key.id


def test_the_demo_says_how_to_have_a_signed_first_model(tmp_path, with_key):
    with pytest.raises(RatecastError, match="run `ratecast train --sign-key FILE`"):
        ensure_model(Settings(models_dir=tmp_path / "none"), print)
