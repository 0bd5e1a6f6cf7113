"""With a key, only what its owner signed is loaded."""

from __future__ import annotations

import base64
import json
import os
import shutil
import stat
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from ratecast.errors import ModelBundleError, UsageError
from ratecast.model import signatures
from ratecast.model.bundle import MANIFEST, ONNX, load, set_current
from ratecast.model.signatures import SIGNATURE, TrustedKeys
from ratecast.model.signing_key import SigningKey
from ratecast.settings import load_settings
from tests.bundles import write_bundle, write_manifest


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """The key that is trusted, and somebody else's."""
    directory = tmp_path_factory.mktemp("keys")
    return SigningKey.make(directory / "one.pem"), SigningKey.make(directory / "two.pem")


@pytest.fixture(scope="module")
def signed(tmp_path_factory, keys):
    models = tmp_path_factory.mktemp("signed")
    for seed, version in enumerate(("one", "two")):
        directory = write_bundle(models, version, seed=seed, make_current=not seed)
        keys[0].sign(directory, version, (directory / MANIFEST).read_bytes())
    return models


@pytest.fixture
def models(signed, tmp_path):
    """Two signed bundles, of which ``one`` is current."""
    shutil.copytree(signed, tmp_path / "models")
    return tmp_path / "models"


def sign(key, models, version="one", as_version=None):
    directory = models / version
    key.sign(directory, as_version or version, (directory / MANIFEST).read_bytes())


def test_a_bundle_that_the_key_signed_is_loaded(models, keys):
    assert load(models, keys=keys[0].trusted).version == "one"
    assert load(models).version == "one"  # without a key nothing is asked of a signature


def test_an_older_signed_bundle_may_become_current_again(models, keys):
    set_current(models, "two")
    assert load(models, keys=keys[0].trusted).version == "two"
    set_current(models, "one")
    assert load(models, keys=keys[0].trusted).version == "one"


def flip_manifest(models, keys):
    path = models / "one" / MANIFEST
    path.write_text(path.read_text().replace('"seed":0', '"seed":1'))


def rewrite_all(models, keys):
    """Everything but the signature fits together."""
    shutil.copy(models / "two" / ONNX, models / "one" / ONNX)
    write_manifest(models / "one", "one")


def under_another_name(models, keys):
    """The owner's signature, of a manifest that was made to say another name."""
    path = models / "one" / MANIFEST
    path.write_text(path.read_text().replace('"model_version":"one"', '"model_version":"six"'))
    sign(keys[0], models)
    (models / "one").rename(models / "six")
    set_current(models, "six")


def signature_of_another(models, keys):
    shutil.copy(models / "two" / SIGNATURE, models / "one" / SIGNATURE)


def somebody_else(models, keys):
    sign(keys[1], models)


def somebody_else_in_the_name_of_the_key(models, keys):
    sign(keys[1], models)
    path = models / "one" / SIGNATURE
    path.write_text(path.read_text().replace(keys[1].id, keys[0].id))


def other_domain(models, keys):
    """What another program, which signs plain files with the same key, would have signed."""
    manifest = (models / "one" / MANIFEST).read_bytes()
    (models / "one" / SIGNATURE).write_bytes(
        signatures.signature_line(keys[0].id, keys[0]._key.sign(manifest))
    )


def without(models, keys):
    (models / "one" / SIGNATURE).unlink()


def write(content):
    def _write(models, keys):
        (models / "one" / SIGNATURE).write_bytes(content)

    return _write


def linked(models, keys):
    path = models / "one" / SIGNATURE
    path.rename(models / "elsewhere")
    path.symlink_to(models / "elsewhere")


def huge(models, keys):
    with (models / "one" / SIGNATURE).open("r+b") as file:
        file.truncate(2**31)


CHANGED = (
    r"the signature of model (one|six) does not match its manifest: one of them was changed, or was made for"
)
ATTACKS = {
    "not signed": (without, "model one is not signed, and RATECAST_MODEL_KEY wants a signature"),
    "manifest changed": (flip_manifest, CHANGED),
    "all rewritten": (rewrite_all, CHANGED),
    "renamed": (under_another_name, CHANGED),
    "signature of another bundle": (signature_of_another, CHANGED),
    "signed by somebody else": (
        somebody_else,
        r"model one is signed with the key \w{16}, which is not trusted",
    ),
    "in the name of the key": (somebody_else_in_the_name_of_the_key, CHANGED),
    "without the fixed text": (other_domain, CHANGED),
    "empty": (write(b""), r"one/manifest\.sig is not a signature"),
    "no text": (write(b"\xff\xfe\x00"), r"one/manifest\.sig is not a signature"),
    "short": (write(b"ratecast-ed25519 0123456789abcdef AAAA\n"), r"one/manifest\.sig is not a signature"),
    "a link": (linked, r"one/manifest\.sig is a symbolic link"),
    "huge": (huge, r"manifest\.sig has 2,147,483,648 bytes; at most 1,024 are accepted"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_any_other_is_refused_in_one_line_with_its_reason(models, keys, attack):
    assert load(models, keys=keys[0].trusted).version == "one"
    make, reason = ATTACKS[attack]
    make(models, keys)
    with pytest.raises(ModelBundleError, match=reason) as refused:
        load(models, keys=keys[0].trusted)
    assert "\n" not in str(refused.value)
    assert load(models, "two", keys[0].trusted).version == "two"


def test_nothing_of_an_unsigned_manifest_is_parsed(models, keys):
    without(models, keys)
    (models / "one" / MANIFEST).write_bytes(b"[" * 1000)
    with pytest.raises(ModelBundleError, match="model one is not signed"):
        load(models, keys=keys[0].trusted)


def test_any_key_of_a_file_counts_so_that_keys_can_be_exchanged(models, keys, tmp_path):
    file = tmp_path / "trusted"
    file.write_text(f"# the old one\n{keys[1].public_key}\n\n  {keys[0].public_key}  \n")
    assert load(models, keys=TrustedKeys(file=file)).version == "one"
    sign(keys[1], models)
    assert load(models, keys=TrustedKeys(file=file)).version == "one"
    assert load(models, keys=TrustedKeys(keys[1].public_key, file)).version == "one"
    file.write_text(keys[0].public_key)  # the old key is out
    with pytest.raises(ModelBundleError, match="which is not trusted: the trusted key is"):
        load(models, keys=TrustedKeys(file=file))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"# none\n", "has no key, so no model can be accepted"),
        (b"\xff", "cannot be read"),
        (b"ed25519:AAAA\n", "each line must be a public key"),
        (b"#" * 70_000, "at most 65,536 are accepted"),
    ],
)
def test_a_file_without_a_usable_key_accepts_nothing(models, tmp_path, content, reason):
    file = tmp_path / "trusted"
    file.write_bytes(content)
    with pytest.raises(ModelBundleError, match=reason):
        load(models, keys=TrustedKeys(file=file))
    file.unlink()
    with pytest.raises(ModelBundleError, match="trusted cannot be read"):
        load(models, keys=TrustedKeys(file=file))


def test_the_private_key_is_a_new_file_that_only_its_owner_reads(tmp_path):
    file = tmp_path / "key.pem"
    umask = os.umask(0)
    try:
        key = SigningKey.make(file)
    finally:
        os.umask(umask)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert SigningKey.load(file).public_key == key.public_key
    content = file.read_bytes()
    with pytest.raises(UsageError, match=r"key\.pem exists: choose another name"):
        SigningKey.make(file)
    assert file.read_bytes() == content


def test_a_private_key_has_no_text_form(keys):
    secret = keys[0]._key.private_bytes_raw()
    for text in (repr(keys[0]), str(keys[0]), f"{keys[0]}"):
        assert base64.b64encode(secret).decode() not in text
        assert "Ed25519PrivateKey" not in text


def pem(key, encryption):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (lambda: None, "cannot be read: .*No such file"),
        (lambda: b"no key", "is not a private Ed25519 key in PEM"),
        (
            lambda: pem(rsa.generate_private_key(65537, 2048), NoEncryption()),
            "is not a private Ed25519 key in PEM",
        ),
        (
            lambda: pem(ed25519.Ed25519PrivateKey.generate(), BestAvailableEncryption(b"hush")),
            "has a password: give a file without one",
        ),
        (lambda: b" " * 2**15, "at most 16,384 are accepted"),
    ],
)
def test_what_is_no_signing_key_is_refused(tmp_path, content, reason):
    file = tmp_path / "key.pem"
    if (made := content()) is not None:
        file.write_bytes(made)
    with pytest.raises(UsageError, match=reason):
        SigningKey.load(file)


@pytest.mark.parametrize(
    "value", ["x", "ed25519:", "ed25519:AAAA", "A" * 43 + "=", f"ed25519:{'A' * 43}=\nx"]
)
def test_a_setting_that_is_no_public_key_is_wrong_use_and_is_not_repeated(monkeypatch, value):
    monkeypatch.setenv("RATECAST_MODEL_KEY", value)
    with pytest.raises(UsageError, match="RATECAST_MODEL_KEY must be a public key") as wrong:
        load_settings()
    assert value not in str(wrong.value).replace("ed25519: and", "")


def test_settings_name_the_trusted_keys(monkeypatch, keys, tmp_path):
    assert TrustedKeys.of(load_settings()) is None
    monkeypatch.setenv("RATECAST_MODEL_KEY", keys[0].public_key)
    assert TrustedKeys.of(load_settings()).by_id().keys() == {keys[0].id}
    (tmp_path / "trusted").write_text(keys[1].public_key)
    monkeypatch.setenv("RATECAST_MODEL_KEY_FILE", str(tmp_path / "trusted"))
    assert TrustedKeys.of(load_settings()).by_id().keys() == {keys[0].id, keys[1].id}


def test_a_missing_package_is_named_when_the_settings_ask_for_signatures(monkeypatch, keys):
    for name in (
        "cryptography.hazmat.primitives.asymmetric",
        "cryptography.hazmat.primitives.asymmetric.ed25519",
    ):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UsageError, match="need the package cryptography: run `pip install cryptography`"):
        TrustedKeys.of(load_settings(model_key=keys[0].public_key))


def test_what_is_signed_is_the_fixed_text_the_version_and_the_manifest(models, keys):
    """With the package alone, as another program would verify it."""
    word, name, value = (models / "one" / SIGNATURE).read_text().split()
    assert (word, name) == ("ratecast-ed25519", keys[0].id)
    public_key = ed25519.Ed25519PublicKey.from_public_bytes(
        base64.b64decode(keys[0].public_key.removeprefix("ed25519:"))
    )
    manifest = (models / "one" / MANIFEST).read_bytes()
    public_key.verify(base64.b64decode(value), b"ratecast model bundle, version 1\0one\0" + manifest)
    assert json.loads(manifest)["files"].keys() >= {ONNX}
