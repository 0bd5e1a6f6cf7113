"""``make monitoring``: broker, workers, a looping replay, Prometheus and Alertmanager on this machine, until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from ratecast.errors import RatecastError, UsageError
from ratecast.settings import load_settings
from ratecast_stack.children import answers, free_port, running
from ratecast_stack.interrupts import signals_interrupt
from ratecast_stack.local_stack import TRAIN_UNTIL, ensure_model, local_stack
from ratecast_stack.native import programs
from ratecast_stack.shadowing import child_environment, ratecast_command

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ratecast.settings import Settings
    from ratecast_stack.children import Child

_WATCH_SECONDS = 0.5
# Debian's Prometheus has the classic pages only.
_PAGES = [f"{folder}/{page}" for folder in ("", "/classic") for page in ("targets", "alerts", "graph")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until interrupted.

    Returns:
        0 after Ctrl-C, 1 if something failed, 2 if the command is wrong or a program is missing.
    """
    options = _parser().parse_args(arguments)
    try:
        with signals_interrupt():
            settings = load_settings(models_dir=getattr(options, "models_dir", None))
            found = programs.find()
            ensure_model(settings, report)
            with _everything(settings, found, options) as children:
                while True:
                    for child in children:
                        child.require_running()
                    time.sleep(_WATCH_SECONDS)
    except KeyboardInterrupt:
        report("stopped")
        return 0
    except RatecastError as error:
        report(f"error: {error}")
        return 2 if isinstance(error, UsageError) else 1


def report(line: str) -> None:
    """Write one line to stderr."""
    sys.stderr.write(f"{line}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m ratecast_stack.native",
        description="Run a broker, workers, a looping replay, Prometheus and Alertmanager on this machine until Ctrl-C.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=2,
        choices=range(1, 17),
        metavar="N",
        help="number of worker processes, 1 to 16",
    )
    parser.add_argument(
        "--from", dest="start", default="2025-01-01", metavar="DATE", help="first day to replay"
    )
    parser.add_argument(
        "--rate", default="20/s", metavar="N/s|max", help="messages a second, or as fast as possible"
    )
    parser.add_argument(
        "--models-dir",
        default=argparse.SUPPRESS,
        metavar="DIR",
        help=f"directory of the models; if it is empty, a model is trained on rates until {TRAIN_UNTIL}",
    )
    for program, port in (("prometheus", 9090), ("alertmanager", 9093)):
        parser.add_argument(
            f"--{program}-port",
            type=int,
            default=port,
            metavar="PORT",
            help="port to listen on; a free port is used instead if this one is taken or 0",
        )
    return parser


@contextmanager
def _everything(
    settings: Settings, found: dict[str, str], options: argparse.Namespace
) -> Iterator[list[Child]]:
    """Run all programs within the block. They stop in reverse order, and their files are removed."""
    with ExitStack() as parts:
        stack = parts.enter_context(local_stack(settings, options.workers, report))
        ports = free_port(options.prometheus_port), free_port(options.alertmanager_port)
        commands = {
            "alertmanager": programs.alertmanager_command(found["alertmanager"], stack.home, ports[1]),
            "prometheus": programs.prometheus_command(
                found["prometheus"], stack.home, *ports, stack.worker_ports
            ),
            "replay": ratecast_command(
                *("replay", "--loop", "--from", options.start, "--rate", options.rate),
                *("-b", stack.settings.bootstrap_servers),
            ),
        }
        children = {
            name: parts.enter_context(running(name, command, stack.home, child_environment()))
            for name, command in commands.items()
        }
        children["prometheus"].wait_until(partial(answers, ports[0], "/-/ready"))
        children["alertmanager"].wait_until(partial(answers, ports[1], "/-/ready"))
        report(f"Alertmanager  http://127.0.0.1:{ports[1]}")
        report(f"Prometheus    {_pages(ports[0])}")
        report(f"replay        {options.rate} from {options.start}, in a loop")
        report("Ctrl-C stops everything")
        yield [*stack.children, *children.values()]


def _pages(port: int) -> str:
    """Returns the addresses of the web pages that this Prometheus has, or of the server if it has none."""
    server = f"http://127.0.0.1:{port}"
    return ", ".join(f"{server}{page}" for page in _PAGES if answers(port, page)) or server
