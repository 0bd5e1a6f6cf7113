"""Apache Kafka's jars: Maven downloads them once into the user's cache; they run only if their checksums match."""

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

KAFKA_VERSION = "4.3.1"  # after a change, `python -m ratecast_stack.jvm.jars` updates kafka-jars.txt
MINIMUM_JAVA = 17
_LOGGING_VERSION = "2.25.3"  # the version of this Kafka's log4j; without this bridge Kafka writes no log
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
    """Returns the path of a Java that can run Kafka.

    Raises:
        UsageError: Java is missing or too old; the message names what to install and the alternatives.
    """
    path = shutil.which("java")
    needed = f"Apache Kafka needs Java {MINIMUM_JAVA} or newer"
    if path is None:
        raise UsageError(f"{needed}, and `java` is not installed: install a JRE, {_ALTERNATIVE}")
    shown = subprocess.run([path, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r'version "(?:1\.)?(\d+)', shown.stderr)
    if version is None:  # on macOS without Java, `java` is a stub that prints where to get it
        raise UsageError(f"{needed}, and {path} does not run: install a JRE, {_ALTERNATIVE}")
    if int(version[1]) < MINIMUM_JAVA:
        raise UsageError(f"{needed}, and {path} is Java {version[1]}: install a newer JRE, {_ALTERNATIVE}")
    return path


def default_cache_dir() -> Path:
    """Returns the directory of the jars: ``$XDG_CACHE_HOME/ratecast``, or ``~/.cache/ratecast``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ratecast"


def expected_digests() -> dict[str, str]:
    """Returns the committed SHA-256 checksums by jar name."""
    lines = resources.files("ratecast_stack.jvm").joinpath("kafka-jars.txt").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def are_cached(cache_dir: Path | None = None) -> bool:
    """Returns whether the jars were downloaded. Their checksums are checked when a broker starts."""
    return _home(cache_dir).is_dir()


def class_path(cache_dir: Path | None = None, progress: OnStage = silent) -> str:
    """Returns Kafka's class path; downloads the jars if they are not cached, and checks every jar.

    Raises:
        UsageError: the download needs Maven, and Maven is not installed.
        OperationError: Maven failed, or a jar is missing or has the wrong checksum; the message names the jar and what
            to delete.
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
    # Download next to the target, then rename: no other process, and no later start, sees half of the jars.
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
    """Have Maven download the jars; report the progress by the names in its output."""
    maven = shutil.which("mvn")
    if maven is None:
        raise UsageError(
            "Maven downloads Apache Kafka's jars on first use, and `mvn` is not installed: "
            f"install Maven, {_ALTERNATIVE}"
        )
    (work / "pom.xml").write_text(_POM)
    names, seen = set(expected_digests()), set[str]()
    stage = f"downloading Apache Kafka {KAFKA_VERSION}"
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
            f"Maven could not download Apache Kafka {KAFKA_VERSION}: {errors[0] if errors else code}"
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
                f"Apache Kafka's {name} has another checksum than the one ratecast was tested with: {advice}"
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
