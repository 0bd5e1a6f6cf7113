"""A broker with topics and workers on this machine, for the demo and for ``make monitoring``."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from ratecast.errors import ModelBundleError, UsageError
from ratecast.kafka.topics import ensure_topics
from ratecast.model.bundle import current_version, load
from ratecast.model.signatures import TrustedKeys
from ratecast.rates.freshest import freshest
from ratecast.stages import OnStage, silent
from ratecast_stack.children import answers, free_port, running
from ratecast_stack.directories import require_writable
from ratecast_stack.embedded import EmbeddedBroker
from ratecast_stack.extras import WEB, require_modules
from ratecast_stack.interrupts import signals_ignored
from ratecast_stack.shadowing import child_environment, ratecast_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ratecast.model.training_stats import TrainingStats
    from ratecast.settings import Settings
    from ratecast_stack.children import Child

# The default replay starts on the next day, so the model has not seen its rates.
TRAIN_UNTIL = dt.date(2024, 12, 31)
_FIRST_PORT = 8000


@dataclass(frozen=True)
class LocalStack:
    """The running parts.

    Attributes:
        settings: the caller's settings with the address of the started broker.
        home: a directory for files; it is removed when the stack stops.
        worker_ports: the HTTP ports of the workers.
        children: the broker, the workers and the page.
        page_url: the address of the page; None if there is none.
    """

    settings: Settings
    home: Path
    worker_ports: tuple[int, ...]
    children: tuple[Child, ...]
    page_url: str | None = None

    def require_running(self) -> None:
        """Check that the broker, all workers and the page still run.

        Raises:
            OperationError: one ended; the message quotes the last line of its log.
        """
        for child in self.children:
            child.require_running()

    @property
    def metrics_urls(self) -> tuple[str, ...]:
        """The address of each worker's metrics."""
        return tuple(f"http://127.0.0.1:{port}/metrics" for port in self.worker_ports)


def ensure_model(
    settings: Settings, report: Callable[[str], None], progress: OnStage = silent
) -> TrainingStats:
    """Returns the statistics of the current model; trains a first model if there is none.

    Args:
        settings: where models are.
        report: called with one line before a training.
        progress: called with the stages of a training.

    Raises:
        UsageError: training is needed, and its libraries or a writable directory are missing.
        ModelBundleError: there is a model, and it is damaged.
    """
    keys = TrustedKeys.of(settings)
    try:
        version = current_version(settings.models_dir)
    except ModelBundleError:
        version = None
    if version is not None:
        return load(settings.models_dir, version, keys).stats
    if keys is not None:
        raise UsageError(
            "RATECAST_MODEL_KEY is set, so an unsigned first model would be refused: run `ratecast train --sign-key FILE`"
        )
    require_modules("training")
    require_writable(settings.models_dir)
    from training.train import train
    from training.train_options import TrainOptions

    report(
        f"training a first model on the ECB's rates until {TRAIN_UNTIL} (it is kept in {settings.models_dir})"
    )
    ecb = freshest(settings.rates_file, dt.datetime.now(dt.UTC).date())
    return train(TrainOptions(settings.models_dir, until=TRAIN_UNTIL, ecb=ecb.table), progress).stats


@contextmanager
def local_stack(
    settings: Settings, workers: int, report: Callable[[str], None], *, with_page: bool = False
) -> Iterator[LocalStack]:
    """Run a broker, the topics and workers within the block; stop them in order and remove their files afterwards.

    Args:
        settings: everything except the broker's address and the HTTP ports.
        workers: how many.
        report: called with one line for each part that is ready.
        with_page: also run `ratecast web`, if its packages are installed. It then has the first port.

    Raises:
        RatecastError: a part could not be started.
    """
    parts = ExitStack()
    try:
        yield _start(parts, settings, workers, report, with_page=with_page and _has_page(report))
    finally:
        with signals_ignored():
            parts.close()


def _has_page(report: Callable[[str], None]) -> bool:
    """Returns whether the page can be shown, and reports what it lacks."""
    try:
        require_modules("the page", WEB)
    except UsageError as error:
        report(f"page      none: {error}")
        return False
    return True


def _start(
    parts: ExitStack, settings: Settings, workers: int, report: Callable[[str], None], *, with_page: bool
) -> LocalStack:
    """Start all parts and register each with ``parts``, which stops it."""
    home = Path(parts.enter_context(TemporaryDirectory(prefix="ratecast-stack-", ignore_cleanup_errors=True)))
    broker = parts.enter_context(EmbeddedBroker(home / "broker"))
    settings = settings.model_copy(update={"bootstrap_servers": broker.bootstrap_servers})
    asyncio.run(ensure_topics(settings))
    report(f"broker    {broker.bootstrap_servers}, embedded")
    page_port = free_port(_FIRST_PORT) if with_page else None
    ports = tuple(free_port(_FIRST_PORT + number + with_page) for number in range(workers))
    children = [
        parts.enter_context(
            running(f"worker {number}", _worker_command(settings, port), home, _worker_environment(settings))
        )
        for number, port in enumerate(ports, 1)
    ]
    stack = LocalStack(settings, home, ports, (broker.child, *children))
    if page_port is not None:
        stack = _with_page(parts, stack, page_port)
    for child, port, url in zip(children, ports, stack.metrics_urls, strict=True):
        child.wait_until(partial(answers, port, "/ready"))
        report(f"{child.name}  pid {child.process.pid}, {url}")
    if page_port is not None:
        stack.children[-1].wait_until(partial(answers, page_port, "/health"))
        report(f"page      {stack.page_url} shows all of this live")
    return stack


def _with_page(parts: ExitStack, stack: LocalStack, port: int) -> LocalStack:
    """Start the page, which reads the workers' metrics and may publish faults."""
    command = ratecast_command(
        *("web", "-b", stack.settings.bootstrap_servers, "--models-dir", str(stack.settings.models_dir)),
        *(
            "--web-host",
            "127.0.0.1",
            "--web-port",
            str(port),
            "--web-metrics-urls",
            ",".join(stack.metrics_urls),
        ),
        *("--log-level", "WARNING"),
    )
    environment = {**child_environment(), "RATECAST_WEB_FAULT_INJECTION": "true"}
    page = parts.enter_context(running("page", command, stack.home, environment))
    return replace(stack, children=(*stack.children, page), page_url=f"http://127.0.0.1:{port}/")


def _worker_environment(settings: Settings) -> dict[str, str]:
    # Of two workers with the name that the environment may give, the second would end the first.
    named = {name for name in os.environ if name.upper() == "RATECAST_GROUP_INSTANCE_ID"}
    environment = {name: value for name, value in child_environment().items() if name not in named}
    return {**environment, "RATECAST_HORIZONS": settings.horizons}


def _worker_command(settings: Settings, port: int) -> tuple[str, ...]:
    return ratecast_command(
        *("worker", "-b", settings.bootstrap_servers, "--models-dir", str(settings.models_dir)),
        *("--http-host", "127.0.0.1", "--http-port", str(port), "--log-level", "WARNING"),
    )
