"""Where Prometheus and Alertmanager are installed, and how each is started."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from ratecast.errors import UsageError
from ratecast_stack.native import prometheus_config as configuration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Program -> the names of its executable. Debian's executable of Alertmanager has the name of its package.
_NAMES = {"prometheus": ("prometheus",), "alertmanager": ("alertmanager", "prometheus-alertmanager")}


def find() -> dict[str, str]:
    """Returns the paths of Prometheus and Alertmanager, by program.

    Raises:
        UsageError: one is not installed.
    """
    found = {
        program: next((path for name in names if (path := shutil.which(name))), None)
        for program, names in _NAMES.items()
    }
    if missing := [program for program, path in found.items() if path is None]:
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(
            f"{' and '.join(missing)} {verb} not installed: on Debian and Ubuntu "
            "`apt-get install prometheus prometheus-alertmanager`, on macOS `brew install prometheus alertmanager`"
        )
    return {program: path for program, path in found.items() if path is not None}


def alertmanager_command(path: str, home: Path, port: int) -> tuple[str, ...]:
    """Returns the command line of Alertmanager with the rules of the compose stack."""
    return (
        path,
        f"--config.file={configuration.ALERTMANAGER}",
        f"--storage.path={home / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",  # no peers, so no second port
    )


def prometheus_command(
    path: str, home: Path, port: int, alertmanager_port: int, worker_ports: Sequence[int]
) -> tuple[str, ...]:
    """Writes Prometheus's configuration into a directory and returns its command line."""
    config = home / "prometheus.yml"
    config.write_text(json.dumps(configuration.prometheus(port, alertmanager_port, worker_ports)))
    return (
        path,
        f"--config.file={config}",
        f"--storage.tsdb.path={home / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    )
