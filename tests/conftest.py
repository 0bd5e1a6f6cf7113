"""Fixtures shared by the suite: a real broker, and settings whose topics no other test sees."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from ratecast.broker import EmbeddedBroker
from ratecast.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own RATECAST_* must not change what the suite proves."""
    import os

    for name in list(os.environ):
        if name.startswith("RATECAST_") and not name.startswith("RATECAST_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def bootstrap_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.bootstrap_servers


@pytest.fixture
def settings(bootstrap_servers: str, models_dir: Path) -> Settings:
    """Settings with topics and a group of their own."""
    tag = uuid.uuid4().hex[:12]
    return Settings(
        bootstrap_servers=bootstrap_servers,
        input_topic=f"histories-{tag}",
        output_topic=f"predictions-{tag}",
        dead_letter_topic=f"dead-letters-{tag}",
        group_id=f"workers-{tag}",
        models_dir=models_dir,
        http_port=0,
    )


@pytest.fixture(scope="session")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models directory with one small bundle, `tests.bundles`."""
    from tests.bundles import write_bundle

    directory = tmp_path_factory.mktemp("models")
    write_bundle(directory)
    return directory
