"""One worker and one ``ratecast web`` for all tests of a module."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import brokers
from tests.web.served import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ratecast.settings import Settings


@pytest.fixture(scope="module")
def web_settings(bootstrap_servers: str, models_dir: Path) -> Settings:
    return brokers.settings_of_its_own(
        bootstrap_servers,
        models_dir,
        topic_partitions=2,
        horizons="2,5",
        web_fault_injection=True,
        max_message_bytes=100_000,
    )


@pytest.fixture(scope="module")
def served(web_settings: Settings) -> Iterator[Served]:
    with serving(web_settings) as running:
        yield running
