"""One worker and one ``ratecast web`` for all tests of a module."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from ratecast.settings import Settings
from tests.web.served import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def web_settings(bootstrap_servers: str, models_dir: Path) -> Settings:
    tag = uuid.uuid4().hex[:12]
    return Settings(
        bootstrap_servers=bootstrap_servers,
        input_topic=f"histories-{tag}",
        output_topic=f"predictions-{tag}",
        dead_letter_topic=f"dead-letters-{tag}",
        group_id=f"workers-{tag}",
        models_dir=models_dir,
        http_port=0,
        topic_partitions=2,
        horizons="2,5",
        web_fault_injection=True,
        max_message_bytes=100_000,
    )


@pytest.fixture(scope="module")
def served(web_settings: Settings) -> Iterator[Served]:
    with serving(web_settings) as running:
        yield running
