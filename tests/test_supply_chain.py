"""What is audited, scanned and listed is what is shipped; and a wheel can be built again to the byte."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import yaml

from tests.test_compose import DOCKERFILE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/supply-chain.yml").read_text())
BUILT = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "ratecast",
    "ratecast_cli",
    "ratecast_stack",
    "producer",
    "consumer",
)
BUILT += ("training", "monitoring", "web", "sink", ".gitignore")


def shipped() -> dict[str, str]:
    """The pins of each image, as its environment installs them."""
    stages = re.split(r"^FROM \S+ AS ", DOCKERFILE, flags=re.MULTILINE)[1:]
    pins = {stage.split()[0]: re.findall(r"-r constraints/(\w+)\.txt", stage) for stage in stages}
    return {
        name.removesuffix("-environment"): files[0]
        for name, files in pins.items()
        if name.endswith("-environment")
    }


def recipe(target: str) -> str:
    return re.search(rf"^{target}: .*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE).group(1)


def test_every_image_has_its_list_of_parts():
    assert shipped() == {"worker": "worker", "web": "web", "training": "all"}
    listed = dict(
        pair.split(":") for pair in re.search(r"for image in ([\w: ]+);", recipe("sbom")).group(1).split()
    )
    assert listed == shipped()


def test_everything_that_is_pinned_is_audited():
    audited = set(re.search(r"for pins in ([\w ]+);", recipe("audit")).group(1).split())
    pinned = {path.stem for path in (ROOT / "constraints").glob("*.txt")}
    # The build's pins are among those of "all", and the audit's own tools ship nothing.
    assert audited == pinned - {"build", "audit"}


def test_the_tools_of_the_audit_are_pinned_with_their_hashes():
    pins = (ROOT / "constraints/audit.txt").read_text()
    for name in re.findall(r"^[a-z-]+$", (ROOT / "constraints/audit.in").read_text(), re.MULTILINE):
        assert re.search(rf"^{name}==\S+ \\\n    --hash=sha256:", pins, re.MULTILINE), name
    assert "--require-hashes -r constraints/audit.txt" in MAKEFILE


def test_the_workflow_audits_the_pins_and_scans_every_image():
    steps = WORKFLOW["jobs"]["dependencies"]["steps"]
    assert {"make audit", "make sbom"} <= {step.get("run") for step in steps}
    images = WORKFLOW["jobs"]["images"]
    assert set(images["strategy"]["matrix"]["target"]) == set(shipped())
    scan = next(
        step["with"] for step in images["steps"] if step.get("uses", "").startswith("anchore/scan-action@")
    )
    assert scan["fail-build"] is True
    build = next(step["run"] for step in images["steps"] if "docker build" in step.get("run", ""))
    assert scan["image"] == build.split("--tag ")[1].split(" .")[0]


def test_no_workflow_can_write_to_the_repository():
    for path in sorted((ROOT / ".github/workflows").glob("*.yml")):
        workflow = yaml.safe_load(path.read_text())
        assert workflow["permissions"] == {"contents": "read"}, path
        assert not any("permissions" in job for job in workflow["jobs"].values()), path


def build(source: Path, out: Path) -> str:
    command = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(out), str(source)]
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        command, check=True, capture_output=True, env={**environment, "SOURCE_DATE_EPOCH": "1764288000"}
    )
    return hashlib.sha256(next(out.glob("*.whl")).read_bytes()).hexdigest()


def test_a_wheel_is_the_same_to_the_byte_wherever_and_whenever_it_is_built(tmp_path):
    digests = set()
    for number, name in enumerate(("one", "another/place")):
        source = tmp_path / name
        source.mkdir(parents=True)
        for part in BUILT:
            path = ROOT / part
            if path.is_dir():
                shutil.copytree(path, source / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, source / part)
        for path in source.rglob("*"):
            if path.is_file():  # files of another day, in another order of creation
                os.utime(path, (1_600_000_000 + number * 86_400,) * 2)
        digests.add(build(source, tmp_path / f"out-{number}"))
    assert len(digests) == 1
