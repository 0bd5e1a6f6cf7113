"""Apache Kafka's jars: fetched once by Maven into the user's cache, and never run unless their digests match."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from importlib import resources
from pathlib import Path

from ratecast.errors import OperationError, UsageError
from ratecast.stages import OnStage, silent
from ratecast_stack.children import start_child

KAFKA_VERSION = "4.3.1"  # `python -m ratecast_stack.jvm.jars` writes kafka-jars.txt anew after a change
MINIMUM_JAVA = 17
_LOGGING_VERSION = "2.25.3"  # of the log4j that this Kafka brings; without the bridge its log goes nowhere
_COPY_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_POM = f"""\
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>ratecast</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>{_LOGGING_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
_ALTERNATIVE = "or use the embedded engine, or Docker (`docker compose up kafka`)"


def java() -> str:
    """The path of a Java that can run Kafka.

    Raises:
        UsageError: there is none, or it is too old; the message names what to install and what else would do.
    """
    path = shutil.which("java")
    needed = f"Apache Kafka needs Java {MINIMUM_JAVA} or newer"
    if path is None:
        raise UsageError(f"{needed}, and `java` is not installed: install a JRE, {_ALTERNATIVE}")
    shown = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r'version "(?:1\.)?(\d+)', shown.stderr)
    if version is None:  # macOS has a `java` that only says where to get one
        raise UsageError(f"{needed}, and {path} does not run: install a JRE, {_ALTERNATIVE}")
    if int(version[1]) < MINIMUM_JAVA:
        raise UsageError(f"{needed}, and {path} is Java {version[1]}: install a newer JRE, {_ALTERNATIVE}")
    return path


def default_cache_dir() -> Path:
    """Where the jars are kept: ``$XDG_CACHE_HOME/ratecast``, or ``~/.cache/ratecast``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ratecast"


def expected_digests() -> dict[str, str]:
    """SHA-256 by jar name, as committed."""
    lines = resources.files("ratecast_stack.jvm").joinpath("kafka-jars.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def are_cached(cache_dir: Path | None = None) -> bool:
    """Whether a fetch lies behind; the digests are checked at the start of a broker."""
    return _home(cache_dir).is_dir()


def class_path(cache_dir: Path | None = None, progress: OnStage = silent) -> str:
    """Kafka's class path, fetched when it is not cached, every jar checked.

    Raises:
        UsageError: a first fetch needs Maven, and there is none.
        OperationError: Maven failed, or a jar is missing or not the one committed; the message names it and
            what to delete.
    """
    home = _home(cache_dir)
    if not home.is_dir():
        _fetch(home, progress)
    _verify(home, advice=f"delete {home} and start again")
    return os.pathsep.join(str(home / name) for name in expected_digests())


def _home(cache_dir: Path | None) -> Path:
    return (cache_dir or default_cache_dir()).absolute() / f"kafka-{KAFKA_VERSION}"


def _fetch(home: Path, progress: OnStage) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, then renamed: a second process, or a kill in the middle, never meets half of it.
    with tempfile.TemporaryDirectory(prefix=f".{home.name}-", dir=home.parent) as name:
        jars = Path(name) / "jars"
        _copy_jars(Path(name), jars, progress)
        _verify(jars, advice="delete it from Maven's repository (~/.m2) and start again")
        try:
            jars.rename(home)
        except OSError:
            if not home.is_dir():  # else another process was quicker
                raise


def _copy_jars(work: Path, jars: Path, progress: OnStage) -> None:
    """Let Maven resolve the jars into ``jars``, counting them as its output names them."""
    maven = shutil.which("mvn")
    if maven is None:
        raise UsageError(
            "Apache Kafka's jars are fetched by Maven on first use, and `mvn` is not installed: "
            f"install Maven, {_ALTERNATIVE}"
        )
    (work / "pom.xml").write_text(_POM)
    names, seen = set(expected_digests()), set[str]()
    stage = f"fetching Apache Kafka {KAFKA_VERSION}"
    progress(stage, 0, len(names))
    options = [
        "--batch-mode",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={jars}",
        "-f",
        str(work / "pom.xml"),
    ]
    process = start_child([maven, *options, _COPY_GOAL], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    errors: list[str] = []
    try:
        assert process.stdout is not None  # noqa: S101 - a pipe, for the type checker
        for line in process.stdout:
            text = line.decode(errors="replace")
            if text.startswith("[ERROR]"):
                errors.append(text.removeprefix("[ERROR]").strip())
            found = re.search(r"Downloaded from .*/([^/ ]+\.jar) ", text)
            if found and found[1] in names - seen:
                seen.add(found[1])
                progress(stage, len(seen), len(names))
        code = process.wait()
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None  # noqa: S101
        process.stdout.close()
    if code != 0:
        raise OperationError(
            f"Maven could not fetch Apache Kafka {KAFKA_VERSION}: {errors[0] if errors else code}"
        )
    progress(stage, len(names), len(names))


def _verify(jars: Path, advice: str) -> None:
    for name, expected in expected_digests().items():
        try:
            with (jars / name).open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise OperationError(f"Apache Kafka's {name} is missing: {advice}") from None
        if actual != expected:
            raise OperationError(
                f"Apache Kafka's {name} is not the one that ratecast was tested with: {advice}"
            )


def _write_digests() -> None:
    with tempfile.TemporaryDirectory() as name:
        jars = Path(name) / "jars"
        _copy_jars(Path(name), jars, silent)
        digests = [
            f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {jar.name}\n" for jar in sorted(jars.iterdir())
        ]
    Path(__file__).with_name("kafka-jars.txt").write_text("".join(digests))


if __name__ == "__main__":
    _write_digests()
