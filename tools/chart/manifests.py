"""``python -m tools.chart.manifests`` writes ``deploy/manifests``: what Helm makes of the chart for each set of values."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from ratecast.errors import UsageError
from tools.chart.chart_files import CHART, ROOT

MANIFESTS = ROOT / "deploy" / "manifests"
VALUES = sorted((CHART / "ci").glob("*.yaml"))
# Rules and dashboards are most of what is rendered, and are in the chart already, as they are in the repository.
_WITHOUT_COPIES = "monitoring.rules.enabled=false,monitoring.dashboards.enabled=false"
# The oldest that the chart allows. A Helm that `go install` built believes in 1.20, because releases set that when they link.
_KUBERNETES = "1.27.0"


def program(name: str) -> str:
    """Returns the path of a program that `make helm-tools` builds: the one beside this Python, otherwise the system's.

    Raises:
        UsageError: there is none.
    """
    beside = str(Path(sys.executable).parent)
    found = shutil.which(name, path=beside) or shutil.which(name)
    if found is None:
        raise UsageError(f"{name} is not installed: run `make helm-tools`")
    return found


def digest() -> str:
    """Returns the SHA-256 of everything in the chart that decides how a manifest looks."""
    sources = [CHART / "Chart.yaml", CHART / "values.yaml", *VALUES, *sorted((CHART / "templates").iterdir())]
    total = hashlib.sha256()
    for path in sources:
        total.update(path.relative_to(CHART).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def template(values: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs ``helm template`` with a file of values, and returns what came of it."""
    command = [program("helm"), "template", "ratecast", str(CHART), "-f", str(values), "--namespace", "rates"]
    command += ["--kube-version", _KUBERNETES, *options]
    return subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)


def manifests() -> dict[Path, str]:
    """Returns the content of each file below ``deploy/manifests``.

    Raises:
        UsageError: Helm is missing, or refuses the chart.
    """
    files = {}
    for values in VALUES:
        result = template(values, "--set", _WITHOUT_COPIES)
        if result.returncode:
            raise UsageError(result.stderr)
        head = (
            f"# Written by `python -m tools.chart.manifests` from deploy/helm/ratecast/ci/{values.name},\n"
            f"# without rules and dashboards. Digest of the chart: {digest()}\n"
        )
        files[MANIFESTS / values.name] = head + result.stdout
    return files


def main() -> None:
    """Writes the manifests."""
    MANIFESTS.mkdir(parents=True, exist_ok=True)
    for path, content in manifests().items():
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
