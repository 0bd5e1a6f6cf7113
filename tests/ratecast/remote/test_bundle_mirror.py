"""Bundles from a URL: what is sound arrives whole, and nothing else arrives."""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid

import fsspec
import pytest

from ratecast.errors import ModelBundleError, OperationError, UsageError
from ratecast.model import bundle
from ratecast.model.bundle import CURRENT, JOBLIB, MANIFEST, ONNX, PARITY, load, set_current
from ratecast.model.shadow_pointer import SHADOW, set_shadow, shadow_version
from ratecast.model.signatures import SIGNATURE
from ratecast.model.signing_key import SigningKey
from ratecast.remote import bundle_mirror
from ratecast.remote.bundle_mirror import BundleMirror
from ratecast.remote.publishing_bundles import publish
from ratecast.remote.remote_files import RemoteFiles
from ratecast.settings import Settings, load_settings
from tests.bundles import forest_on_noise, write_bundle, write_manifest
from tests.remote_bundles import served


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    return SigningKey.make(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture(scope="module")
def sound(tmp_path_factory, key):
    directory = tmp_path_factory.mktemp("sound")
    for seed, version in enumerate(("one", "two")):
        made = write_bundle(directory, version, seed=seed, make_current=not seed)
        key.sign(made, version, (made / MANIFEST).read_bytes())
    return directory


@pytest.fixture
def there(sound, tmp_path):
    """What is at the URL: two signed bundles, of which ``one`` is current."""
    shutil.copytree(sound, tmp_path / "there")
    return tmp_path / "there"


@pytest.fixture
def here(tmp_path):
    return tmp_path / "here"


@pytest.fixture
def server(there):
    with served(there) as server:
        yield server


def in_memory(there):
    url = f"memory://{uuid.uuid4().hex}"
    files, root = fsspec.core.url_to_fs(url)
    files.put(f"{there}/", f"{root}/", recursive=True)
    return url


def mirror(url, here, keys=None):
    return BundleMirror(RemoteFiles(url), here, keys)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("kind", ["memory", "file", "http"])
def test_a_bundle_arrives_whole_and_becomes_current(there, here, server, key, kind):
    url = {"memory": lambda: in_memory(there), "file": lambda: f"file://{there}", "http": lambda: server.url}[
        kind
    ]()
    mirrored = mirror(f"{url}/", here, key.trusted)
    assert mirrored.fetch_current() == "one"
    assert load(here, keys=key.trusted).onnx == (there / "one" / ONNX).read_bytes()
    assert names(here) == [CURRENT, "one"]
    assert names(here / "one") == names(there / "one")
    assert mirrored.fetch_shadow() is None
    set_shadow(there, "two")
    if kind == "memory":
        mirrored = mirror(in_memory(there), here, key.trusted)
    assert mirrored.fetch_shadow() == shadow_version(here) == "two"
    (there / SHADOW).unlink()
    if kind == "memory":
        mirrored = mirror(in_memory(there), here, key.trusted)
    assert mirrored.fetch_shadow() is None
    assert shadow_version(here) is None
    assert load(here).version == "one"


def test_what_is_here_is_not_fetched_again(there, here, server):
    mirrored = mirror(server.url, here)
    mirrored.fetch_current()
    before = (here / "one").stat().st_ino, (here / CURRENT).stat().st_ino
    server.asked.clear()
    mirrored.fetch_current()
    assert server.asked == ["/current", "/one/manifest.json", "/one/manifest.sig"]
    assert ((here / "one").stat().st_ino, (here / CURRENT).stat().st_ino) == before


def test_going_back_to_an_older_one_fetches_nothing(there, here, server):
    mirrored = mirror(server.url, here)
    mirrored.fetch_current()
    set_current(there, "two")
    assert mirrored.fetch_current() == load(here).version == "two"
    set_current(there, "one")
    server.asked.clear()
    assert mirrored.fetch_current() == load(here).version == "one"
    assert not any(path.endswith(".onnx") for path in server.asked)


def flipped(there, server):
    content = bytearray((there / "one" / ONNX).read_bytes())
    content[100] ^= 1
    (there / "one" / ONNX).write_bytes(content)


def other_answers(there, server):
    (there / "one" / ONNX).write_bytes(forest_on_noise(seed=1)[0])
    write_manifest(there / "one", "one")


def in_manifest(name):
    def _list(there, server):
        path = there / "one" / MANIFEST
        manifest = json.loads(path.read_text())
        path.write_text(json.dumps(manifest | {"files": manifest["files"] | {name: "0" * 64}}))

    return _list


def huge(name, size):
    def _huge(there, server):
        with (there / name).open("wb") as file:
            file.truncate(size)

    return _huge


def endless(name):
    def _endless(there, server):
        server.endless = name

    return _endless


def pointing(text):
    def _point(there, server):
        (there / CURRENT).write_text(text)

    return _point


REFUSED = {
    "tampered": (flipped, r"/one/model\.onnx does not match its SHA-256 checksum"),
    "of another forest": (other_answers, "model one is rejected: its ONNX model differs"),
    "incomplete": (
        lambda there, server: (there / "one" / PARITY).unlink(),
        r"model one at http://127\.0\.0\.1:\d+ is incomplete: parity\.json is missing",
    ),
    "without a manifest": (
        lambda there, server: (there / "one" / MANIFEST).unlink(),
        r"is incomplete: manifest\.json is missing",
    ),
    "absent": (pointing("three\n"), r"model three at .* is incomplete: manifest\.json is missing"),
    "a path": (pointing("../one\n"), r"/current does not name a model version: '\.\./one'"),
    "a page": (pointing("<!doctype html>"), "/current does not name a model version: '<!doctype html>'"),
    "nothing": (
        lambda there, server: (there / CURRENT).unlink(),
        r"there is no http://127\.0\.0\.1:\d+/current",
    ),
    "a file elsewhere": (in_manifest("../../evil"), "manifest.json is malformed: files"),
    "a file too many": (in_manifest("evil.so"), r"lists evil\.so, which is no file of a bundle"),
    "an endless pointer": (endless("/current"), "/current has more than 1,024 bytes"),
    "a manifest of 100 MB": (huge("one/manifest.json", 100 * 2**20), "has more than 1,048,576 bytes"),
    "an endless signature": (endless(".sig"), r"manifest\.sig has more than 1,024 bytes"),
    "an endless graph": (endless(".onnx"), r"/one/model\.onnx has more than 3,000,000 bytes"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("attack", REFUSED)
def test_what_a_worker_would_refuse_never_arrives(there, here, server, attack, monkeypatch):
    monkeypatch.setitem(bundle.MOST_BYTES, ONNX, 3_000_000)  # or an endless graph would take seconds
    mirrored = mirror(server.url, here)
    set_current(there, "two")
    mirrored.fetch_current()
    set_current(there, "one")
    make, reason = REFUSED[attack]
    make(there, server)
    with pytest.raises(ModelBundleError, match=reason) as refused:
        mirrored.fetch_current()
    assert "\n" not in str(refused.value)
    assert names(here) == [CURRENT, "two"]  # and nothing half fetched
    assert load(here).version == "two"


def test_an_unsigned_bundle_is_refused_before_more_than_its_manifest_is_fetched(there, here, server, key):
    (there / "one" / SIGNATURE).unlink()
    with pytest.raises(ModelBundleError, match="model one is not signed"):
        mirror(server.url, here, key.trusted).fetch_current()
    assert server.asked == ["/current", "/one/manifest.json", "/one/manifest.sig"]
    assert names(here) == []


def test_a_bundle_that_is_signed_later_gets_its_signature(there, here, server, key, tmp_path):
    signature = (there / "one" / SIGNATURE).read_bytes()
    (there / "one" / SIGNATURE).unlink()
    mirror(server.url, here).fetch_current()
    with pytest.raises(ModelBundleError, match="not signed"):
        load(here, keys=key.trusted)
    SigningKey.make(tmp_path / "other.pem").sign(
        there / "one", "one", (there / "one" / MANIFEST).read_bytes()
    )
    mirrored = mirror(server.url, here, key.trusted)
    with pytest.raises(ModelBundleError, match="which is not trusted"):
        mirrored.fetch_current()
    assert not (here / "one" / SIGNATURE).exists()
    (there / "one" / SIGNATURE).write_bytes(signature)
    mirrored.fetch_current()
    assert load(here, keys=key.trusted).version == "one"
    assert names(here) == [CURRENT, "one"]


def test_another_bundle_under_a_version_that_is_here_is_refused(there, here, server):
    mirrored = mirror(server.url, here)
    mirrored.fetch_current()
    before = (here / "one" / MANIFEST).read_bytes()
    manifest = json.loads(before) | {"notes": ["another"]}
    (there / "one" / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ModelBundleError, match=r"is not the one in .*, and a version never changes"):
        mirrored.fetch_current()
    assert (here / "one" / MANIFEST).read_bytes() == before


def test_a_response_that_is_cut_off_leaves_nothing(there, here, server):
    server.cut = {"model.onnx": 100}
    with pytest.raises(OperationError, match=r"one/model\.onnx cannot be read"):
        mirror(server.url, here).fetch_current()
    assert names(here) == []


@pytest.mark.parametrize("status", [401, 403, 500, 503])
def test_a_server_that_fails_is_no_refusal(there, here, server, status):
    server.status = status
    with pytest.raises(OperationError, match=rf"/current cannot be read: {status}") as failed:
        mirror(server.url, here).fetch_current()
    assert not isinstance(failed.value, ModelBundleError)


def test_a_server_that_is_down_is_named_without_its_password(here):
    with served(here.parent) as server:
        url = server.url
    with pytest.raises(OperationError, match=r"^http://127\.0\.0\.1:\d+/current cannot be read: ") as failed:
        mirror(url.replace("://", "://me:hush@"), here).fetch_current()
    assert "hush" not in str(failed.value)
    settings = load_settings(models_url=url.replace("://", "://me:hush@"))
    assert "hush" not in repr(settings)


def test_a_file_that_takes_too_long_is_given_up(there, here, server, monkeypatch):
    monkeypatch.setattr("ratecast.remote.remote_files._MOST_SECONDS", -1.0)
    with pytest.raises(OperationError, match="/current did not arrive within"):
        mirror(server.url, here).fetch_current()


def test_a_pipe_in_a_folder_is_refused_and_not_waited_for(there, here):
    (there / CURRENT).unlink()
    os.mkfifo(there / CURRENT)
    with pytest.raises(ModelBundleError, match="/current is not a regular file"):
        mirror(f"file://{there}", here).fetch_current()


@pytest.mark.parametrize(
    ("url", "reason"),
    [("nonsense://host/models", "Protocol not known: nonsense"), ("s3://bucket/models", "s3fs")],
)
def test_a_protocol_that_cannot_be_used_is_wrong_use(monkeypatch, url, reason):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(UsageError, match=rf"^RATECAST_MODELS_URL {url}: .*{reason}"):
        RemoteFiles(url)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec.core", None)
    with pytest.raises(UsageError, match="needs the package fsspec: run `pip install fsspec`"):
        RemoteFiles("memory://x")


@pytest.mark.parametrize("url", ["models", "https://host/models?x=1", "https://host/a b", "://x"])
def test_a_setting_that_is_no_url_is_wrong_use(monkeypatch, url):
    monkeypatch.setenv("RATECAST_MODELS_URL", url)
    with pytest.raises(UsageError, match="RATECAST_MODELS_URL must be a URL like"):
        load_settings()


def test_without_the_setting_there_is_no_mirror(tmp_path):
    assert BundleMirror.of(Settings(models_dir=tmp_path)) is None
    assert BundleMirror.of(Settings(models_dir=tmp_path, models_url=f"file://{tmp_path}")) is not None


def test_a_directory_that_cannot_be_written_is_named_with_the_setting(there, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OperationError, match="set RATECAST_MODELS_DIR to a directory"):
        mirror(f"file://{there}", tmp_path / "file" / "models").fetch_current()


def test_what_a_killed_program_left_is_removed_after_an_hour(there, here, monkeypatch):
    for name in (".fetch.old", ".fetch.new"):
        (here / name).mkdir(parents=True)
    os.utime(here / ".fetch.old", (0, 0))
    mirror(f"file://{there}", here).fetch_current()
    assert names(here) == [".fetch.new", CURRENT, "one"]


def test_two_workers_that_share_a_directory_do_no_harm(there, here, monkeypatch):
    """The other one puts the bundle there between this one's fetch and its renaming."""
    real = bundle_mirror.BundleMirror._move

    def overtaken(self, directory):
        shutil.copytree(there / "one", here / "one")
        real(self, directory)

    monkeypatch.setattr(bundle_mirror.BundleMirror, "_move", overtaken)
    assert mirror(f"file://{there}", here).fetch_current() == "one"
    assert names(here) == [CURRENT, "one"]


def test_a_published_bundle_can_be_fetched(sound, tmp_path, here, key):
    remote = RemoteFiles(f"file://{tmp_path}/store")
    assert publish(sound, None, key.trusted, remote) == "one"
    assert publish(sound, "one", key.trusted, remote) == "one"  # again
    assert mirror(f"file://{tmp_path}/store", here, key.trusted).fetch_current() == "one"
    assert names(here / "one") == names(sound / "one")
    assert publish(sound, "two", None, RemoteFiles(f"memory://{uuid.uuid4().hex}")) == "two"


def test_publishing_names_the_bundle_last_and_never_replaces_another(sound, tmp_path, monkeypatch):
    remote, written = RemoteFiles(f"file://{tmp_path}/store"), []
    real = remote.write
    monkeypatch.setattr(remote, "write", lambda name, content: written.append(name) or real(name, content))
    publish(sound, "one", None, remote)
    assert written[-2:] == [f"one/{MANIFEST}", CURRENT]
    (tmp_path / "store" / "one" / MANIFEST).write_text("{}")
    with pytest.raises(ModelBundleError, match="has another model one, and a version never changes"):
        publish(sound, "one", None, remote)


def test_publishing_where_nothing_can_be_written_is_one_line(sound, server, there):
    shutil.rmtree(there / "one")
    with pytest.raises(OperationError, match="cannot be written"):
        publish(sound, "one", None, RemoteFiles(server.url))


def test_a_pickle_comes_along(there, here, server, sound):
    """`ratecast models verify` and training's tools want all of a bundle."""
    (there / "one" / JOBLIB).write_bytes(b"a pickle")
    manifest = json.loads((there / "one" / MANIFEST).read_text())
    manifest["files"][JOBLIB] = bundle.sha256(there / "one" / JOBLIB)
    (there / "one" / MANIFEST).write_text(json.dumps(manifest))
    mirror(server.url, here).fetch_current()
    assert (here / "one" / JOBLIB).read_bytes() == b"a pickle"
