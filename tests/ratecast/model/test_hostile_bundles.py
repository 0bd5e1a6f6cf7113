"""What somebody who can write to the models directory may put there: each is refused with its reason, and nothing hangs."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from ratecast.errors import ModelBundleError
from ratecast.model import bundle as model
from ratecast.model import bundle_files
from ratecast.model.bundle import CURRENT, JOBLIB, MANIFEST, MOST_BYTES, ONNX, PARITY, STATS, load
from tests.bundles import write_bundle, write_manifest


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sound")
    write_bundle(directory, "one")
    write_bundle(directory, "two", seed=1, make_current=False)
    return directory


@pytest.fixture
def models(sound, tmp_path):
    """Two sound bundles, of which ``one`` is current."""
    shutil.copytree(sound, tmp_path / "models")
    assert load(tmp_path / "models").version == "one"
    return tmp_path / "models"


def sparse(path, size):
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(size)


def with_manifest(models, **changes):
    path = models / "one" / MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def flipped(models):
    path = models / "one" / ONNX
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def replaced_by(path, make):
    path.unlink()
    make(path)


def linked(path):
    """Move a file elsewhere and leave a link to it. Its content is still right."""
    elsewhere = path.parent.parent / f"elsewhere-{path.name}"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


def listed(models, name):
    files = json.loads((models / "one" / MANIFEST).read_text())["files"]
    with_manifest(models, files=files | {name: "0" * 64})


def twice(models):
    """The second list of files is that of the other model, and a reader takes the first or the last."""
    path, other = models / "one" / MANIFEST, json.loads((models / "two" / MANIFEST).read_text())
    path.write_text(path.read_text()[:-1] + f', "files": {json.dumps(other["files"])}}}')


def bound(path):
    """A socket's path is limited to 108 bytes, so it is made under a short name."""
    short = f"/tmp/{os.getpid()}.sock"  # noqa: S108 - removed at once
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(short)
    Path(short).rename(path)


ATTACKS = {
    "tampered": (flipped, r"one/model\.onnx does not match its SHA-256 checksum"),
    "truncated": (
        lambda models: os.truncate(models / "one" / ONNX, 1000),
        r"one/model\.onnx does not match its SHA-256 checksum",
    ),
    "a file of another bundle": (
        lambda models: shutil.copy(models / "two" / ONNX, models / "one" / ONNX),
        r"one/model\.onnx does not match its SHA-256 checksum",
    ),
    "another bundle under this name": (
        lambda models: shutil.copytree(models / "two", models / "one", dirs_exist_ok=True),
        "the directory of model one holds model two: it was renamed",
    ),
    "half copied": (
        lambda models: (models / "one" / PARITY).unlink(),
        r"model one is incomplete: .*one/parity\.json is missing",
    ),
    "without a manifest": (
        lambda models: (models / "one" / MANIFEST).unlink(),
        r"model one is incomplete: .*one/manifest\.json is missing",
    ),
    "a linked file": (
        lambda models: linked(models / "one" / STATS),
        r"one/training_stats\.json is a symbolic link: put the file itself there",
    ),
    "a linked manifest": (
        lambda models: linked(models / "one" / MANIFEST),
        r"one/manifest\.json is a symbolic link: put the file itself there",
    ),
    "a linked directory": (
        lambda models: linked(models / "one"),
        "models/one is a symbolic link: put the directory itself there",
    ),
    "a pipe": (
        lambda models: replaced_by(models / "one" / STATS, os.mkfifo),
        r"one/training_stats\.json is not a regular file",
    ),
    "a pipe as current": (
        lambda models: replaced_by(models / CURRENT, os.mkfifo),
        "models/current is not a regular file",
    ),
    "a device as current": (
        lambda models: replaced_by(models / CURRENT, lambda path: path.symlink_to("/dev/zero")),
        "models/current is not a regular file",
    ),
    "a huge current": (
        lambda models: sparse(models / CURRENT, 2**31),
        "models/current has 2,147,483,648 bytes; at most 1,024 are accepted",
    ),
    "a socket": (
        lambda models: replaced_by(models / "one" / STATS, bound),
        "model one cannot be read",
    ),
    "a directory for a file": (
        lambda models: replaced_by(models / "one" / STATS, os.mkdir),
        r"one/training_stats\.json is not a regular file",
    ),
    "a graph of 2 GB": (
        lambda models: sparse(models / "one" / ONNX, 2**31),
        r"one/model\.onnx has 2,147,483,648 bytes; at most 268,435,456 are accepted",
    ),
    "a manifest of 100 MB": (
        lambda models: sparse(models / "one" / MANIFEST, 100 * 2**20),
        r"one/manifest\.json has 104,857,600 bytes; at most 1,048,576 are accepted",
    ),
    "a current outside": (
        lambda models: (models / CURRENT).write_text("../one\n"),
        "models/current does not name a model version: '../one'",
    ),
    "an absolute current": (
        lambda models: (models / CURRENT).write_text("/etc\n"),
        "models/current does not name a model version: '/etc'",
    ),
    "a manifest that names a path": (
        lambda models: listed(models, "../two/model.onnx"),
        r"one/manifest\.json is malformed: files",
    ),
    "a manifest that names an absolute path": (
        lambda models: listed(models, "/etc/passwd"),
        r"one/manifest\.json is malformed: files",
    ),
    "a file that no bundle has": (
        lambda models: listed(models, "model.onnx.data"),
        r"one/manifest\.json lists model\.onnx\.data, which is no file of a bundle",
    ),
    "a manifest with a list twice": (
        twice,
        r'one/manifest\.json is malformed: Detected duplicate key "files"',
    ),
    "deep JSON": (
        lambda models: (models / "one" / MANIFEST).write_text("[" * 200_000),
        r"one/manifest\.json is malformed: recursion limit exceeded",
    ),
    "no UTF-8": (
        lambda models: (models / "one" / MANIFEST).write_bytes(b'{"model_version": "\xff"}'),
        r"one/manifest\.json is malformed: invalid unicode code point",
    ),
    "no JSON": (
        lambda models: (models / "one" / MANIFEST).write_bytes(b"\0" * 100),
        r"one/manifest\.json is malformed: expected value",
    ),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("attack", ATTACKS)
def test_it_is_refused_in_one_line_with_its_reason(models, attack):
    make, reason = ATTACKS[attack]
    make(models)
    with pytest.raises(ModelBundleError, match=reason) as refused:
        load(models)
    assert "\n" not in str(refused.value)
    assert load(models, "two").version == "two"


@pytest.mark.parametrize("version", ["../models/one", "/etc", "", ".", "one/../two", "one\0"])
def test_a_version_is_a_name_below_the_directory(models, version):
    if not version:
        (models / CURRENT).unlink()
    with pytest.raises(ModelBundleError, match=r"is no version of a model|there is no model in"):
        load(models, version)


@pytest.mark.parametrize("name", MOST_BYTES)
def test_no_file_is_read_beyond_its_limit(models, name):
    """Its checksum would be right."""
    sparse(models / "one" / name, MOST_BYTES[name] + 1)
    listed(models, name)
    with pytest.raises(ModelBundleError, match=rf"at most {MOST_BYTES[name]:,} are accepted"):
        load(models)


def test_a_file_that_grows_while_it_is_read_is_refused(models, monkeypatch):
    real = os.fstat

    def shorter(descriptor):
        state = list(real(descriptor))
        state[6] -= 1  # st_size
        return os.stat_result(state)

    monkeypatch.setattr(bundle_files.os, "fstat", shorter)
    with pytest.raises(ModelBundleError, match="models/current changed while it was read"):
        load(models)


def test_a_directory_that_is_exchanged_while_it_is_read_does_no_harm(models, monkeypatch):
    """The manifest is read, then the name is given to another directory: the open one is read on."""
    real = model.read_manifest

    def exchanged(*arguments):
        manifest = real(*arguments)
        (models / "one").rename(models / "away")
        shutil.copytree(models / "two", models / "one")
        return manifest

    good = (models / "one" / ONNX).read_bytes()
    monkeypatch.setattr(model, "read_manifest", exchanged)
    assert load(models).onnx == good != (models / "one" / ONNX).read_bytes()


def test_files_beside_those_of_the_manifest_are_never_opened(models):
    """Such as what an editor or a file manager leaves behind."""
    os.mkfifo(models / "one" / "strange")
    (models / "one" / "model.onnx.data").symlink_to("/etc/passwd")
    assert load(models).version == "one"


def test_a_link_may_name_the_pointer_and_the_whole_directory(models, tmp_path):
    """Kubernetes mounts a ConfigMap as links, and an operator's directory may be one."""
    (models / CURRENT).rename(tmp_path / "pointer")
    (models / CURRENT).symlink_to(tmp_path / "pointer")
    (tmp_path / "link").symlink_to(models)
    assert load(tmp_path / "link").version == "one"


def test_statistics_with_a_field_twice_are_refused(models):
    path = models / "one" / STATS
    path.write_text(path.read_text()[:-1] + ', "headline": "another"}')
    write_manifest(models / "one", "one")
    with pytest.raises(ModelBundleError, match=r"training_stats\.json is malformed: Detected duplicate key"):
        load(models)


FORGED = "x\n2026-11-28 12:00:00 INFO switched to model two\x1b[2J"


@pytest.mark.parametrize(
    "changes",
    [
        {"model_version": FORGED},
        {"files": {FORGED: "0"}},
        {"files": {"A" * 5000: "0"}},
        {"notes": [FORGED, 1]},
    ],
    ids=["a version", "a name", "a long name", "a note"],
)
def test_no_word_of_a_bundle_forges_a_line_of_the_log(models, changes):
    with_manifest(models, **changes)
    _is_one_line(models)


def test_no_key_that_is_there_twice_forges_a_line_of_the_log(models):
    entry = json.dumps({FORGED: 1})[1:-1]
    (models / "one" / MANIFEST).write_text(f"{{{entry}, {entry}}}")
    _is_one_line(models)


def _is_one_line(models):
    with pytest.raises(ModelBundleError) as refused:
        load(models)
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) <= ModelBundleError.MAX_LENGTH


def test_a_pickle_is_verified_but_kept_nowhere(models):
    (models / "one" / JOBLIB).write_bytes(b"a pickle")
    files = json.loads((models / "one" / MANIFEST).read_text())["files"]
    with_manifest(models, files=files | {JOBLIB: model.sha256(models / "one" / JOBLIB)})
    assert load(models).version == "one"
    (models / "one" / JOBLIB).write_bytes(b"another")
    with pytest.raises(ModelBundleError, match=r"model\.joblib does not match its SHA-256 checksum"):
        load(models)
