"""``make monitoring``: broker, workers, a looping replay, Prometheus and Alertmanager on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ratecast.errors import ModelBundleError, OperationError, RatecastError, UsageError
from ratecast.kafka.topics import ensure_topics
from ratecast.model.bundle import current_version
from ratecast.settings import load_settings
from ratecast_stack.embedded import EmbeddedBroker
from ratecast_stack.native import programs
from ratecast_stack.native import prometheus_config as configuration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ratecast.settings import Settings
    from ratecast_stack.native.programs import Program

_TRAIN_UNTIL = "2024-12-31"  # the replay is of rates after it
_LOOK_EVERY_SECONDS = 0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted; exit code 0 interrupted, 1 something failed, 2 wrong use or a program is missing."""
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        settings = load_settings(models_dir=options.models_dir)
        found = programs.find()
        _ensure_model(settings)
        with _everything(settings, found, options) as children:
            while True:
                for child in children:
                    child.require_running()
                time.sleep(_LOOK_EVERY_SECONDS)
    except KeyboardInterrupt:
        say("stopped")
        return 0
    except RatecastError as error:
        say(f"error: {error}")
        return 2 if isinstance(error, UsageError) else 1


def say(line: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ratecast_stack.native", description=__doc__)
    parser.add_argument("--workers", type=int, default=2, choices=range(1, 17), metavar="N")
    parser.add_argument(
        "--from", dest="start", default="2025-01-01", metavar="DATE", help="first day to replay"
    )
    parser.add_argument("--rate", default="20/s", metavar="N/s|max", help="messages a second")
    parser.add_argument("--models-dir", default=None, metavar="DIR")
    parser.add_argument(
        "--prometheus-port", type=int, default=9090, metavar="PORT", help="a free one when it is taken or 0"
    )
    parser.add_argument("--alertmanager-port", type=int, default=9093, metavar="PORT", help="the same")
    return parser


def _interrupt(*_: object) -> NoReturn:
    # Once: what is being ended in order must not be interrupted again.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _ensure_model(settings: Settings) -> None:
    """Train a first model where there is none."""
    with contextlib.suppress(ModelBundleError):
        current_version(settings.models_dir)
        return
    say(f"training on the ECB's rates until {_TRAIN_UNTIL} (once; kept in {settings.models_dir})")
    command = programs.ratecast("train", "--until", _TRAIN_UNTIL, "--models-dir", str(settings.models_dir))
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode != 0:  # noqa: S603 - ours
        raise OperationError("there is no model and training failed")


@contextlib.contextmanager
def _everything(
    settings: Settings, found: dict[str, str], options: argparse.Namespace
) -> Iterator[list[Program]]:
    """All programs running and ready; the last started ends first, and no file stays."""
    with contextlib.ExitStack() as stack:
        home = Path(tempfile.mkdtemp(prefix="ratecast-monitoring-"))
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        broker = stack.enter_context(EmbeddedBroker(home / "broker"))
        asyncio.run(
            ensure_topics(settings.model_copy(update={"bootstrap_servers": broker.bootstrap_servers}))
        )
        say(f"Kafka         {broker.bootstrap_servers}")

        alertmanager_port = programs.port(options.alertmanager_port)
        alertmanager = stack.enter_context(
            programs.running("alertmanager", _alertmanager(found, home, alertmanager_port), home)
        )
        programs.wait_ready(alertmanager, alertmanager_port, "/-/ready")
        say(f"Alertmanager  http://127.0.0.1:{alertmanager_port}")

        worker_ports: list[int] = []
        workers = []
        for number in range(1, options.workers + 1):
            # Each is waited for, so that the next one sees its port taken.
            worker_ports.append(programs.port(8000 + number - 1))
            command = _worker(settings, broker.bootstrap_servers, worker_ports[-1])
            workers.append(stack.enter_context(programs.running(f"worker {number}", command, home)))
            programs.wait_ready(workers[-1], worker_ports[-1], "/ready")
            say(f"worker {number}      http://127.0.0.1:{worker_ports[-1]}/metrics")

        port = programs.port(options.prometheus_port)
        prometheus = stack.enter_context(
            programs.running(
                "prometheus", _prometheus(found, home, port, alertmanager_port, worker_ports), home
            )
        )
        programs.wait_ready(prometheus, port, "/-/ready")
        say(f"Prometheus    http://127.0.0.1:{port}/targets, /alerts, /graph")

        feed = ("replay", "--loop", "--from", options.start, "--rate", options.rate)
        replay = stack.enter_context(
            programs.running("replay", programs.ratecast(*feed, "-b", broker.bootstrap_servers), home)
        )
        say(f"replay        from {options.start} at {options.rate}, again and again; Ctrl-C ends everything")
        yield [alertmanager, *workers, prometheus, replay]


def _worker(settings: Settings, bootstrap_servers: str, port: int) -> tuple[str, ...]:
    where = ("-b", bootstrap_servers, "--models-dir", str(settings.models_dir), "--http-host", "127.0.0.1")
    return programs.ratecast("worker", *where, "--http-port", str(port), "--log-level", "WARNING")


def _alertmanager(found: dict[str, str], home: Path, port: int) -> tuple[str, ...]:
    return (
        found["alertmanager"],
        f"--config.file={configuration.ALERTMANAGER}",
        f"--storage.path={home / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",  # no peers, no second port
    )


def _prometheus(
    found: dict[str, str], home: Path, port: int, alertmanager_port: int, worker_ports: Sequence[int]
) -> tuple[str, ...]:
    path = home / "prometheus.yml"
    path.write_text(json.dumps(configuration.prometheus(port, alertmanager_port, worker_ports)))
    return (
        found["prometheus"],
        f"--config.file={path}",
        f"--storage.tsdb.path={home / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )


if __name__ == "__main__":
    sys.exit(main())
