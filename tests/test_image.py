"""The Dockerfile: pinned bases, checked hashes, an unprivileged user, a complete build context."""

from __future__ import annotations

import re

import pytest

from tests.test_compose import DOCKERFILE, PINNED, ROOT


@pytest.mark.parametrize("line", re.findall(r"^FROM .*", DOCKERFILE, re.MULTILINE))
def test_base_images_are_pinned_or_stages(line):
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE))
    image = line.split()[1]
    assert image in stages or PINNED.match(image)


def test_the_image_checks_hashes_runs_as_a_user_and_hears_signals():
    installs = re.findall(r"pip (?:--python \S+ )?install [^&]*", DOCKERFILE)
    assert installs
    for install in installs:
        assert ("--require-hashes" in install and "--only-binary :all:" in install) or "--no-index" in install
    assert re.search(r"^USER (?!root)\w+$", DOCKERFILE, re.MULTILINE)
    assert 'ENTRYPOINT ["ratecast"]' in DOCKERFILE
    assert DOCKERFILE.rstrip().endswith('CMD ["worker"]')


def test_the_build_context_holds_what_the_image_copies():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for arguments in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in arguments.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in allowed or (source.startswith("constraints/") and "constraints/*.txt" in allowed)


def test_pins_of_the_build_are_those_of_the_project():
    pin = re.compile(r"^([\w-]+==\S+)", re.MULTILINE)
    build = set(pin.findall((ROOT / "constraints/build.txt").read_text()))
    assert build
    assert build <= set(pin.findall((ROOT / "constraints/all.txt").read_text()))
