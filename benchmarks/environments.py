"""Environments of programs that ratecast does not install: the peers and the profiler, each with its own pins.

``python -m benchmarks.environments`` makes all of them in ``.ratecast/environments``.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
HOME = Path(os.environ.get("BENCH_ENVIRONMENTS", HERE.parent / ".ratecast" / "environments"))
# Folders with a requirements.txt.
NAMES = ("peers/faststream", "peers/quixstreams", "peers/mlserver", "profiler")


def python_of(name: str) -> Path:
    """Returns the Python of an environment; makes the environment if it is missing or its pins have changed.

    Raises:
        SystemExit: pip could not install it; its output says why.
    """
    pins = HERE / name / "requirements.txt"
    home = HOME / name
    python = home / "bin" / "python"
    digest = hashlib.sha256(pins.read_bytes()).hexdigest()
    mark = home / "installed"
    if mark.exists() and mark.read_text() == digest:
        return python
    print(f"installing {pins.relative_to(HERE.parent)} (once)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(pins)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} cannot be installed here:\n{done.stderr.strip()}")
    mark.write_text(digest)
    return python


if __name__ == "__main__":
    for each in NAMES:
        print(python_of(each))
