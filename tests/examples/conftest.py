from __future__ import annotations

import asyncio

import pytest

from tests import brokers
from tests.examples import real_topic


@pytest.fixture(scope="session")
def scored_year(bootstrap_servers, tmp_path_factory):
    """The environment of a topic with the predictions of this year; made once."""
    models_dir = tmp_path_factory.mktemp("small-models")
    real_topic.train_small(models_dir)
    settings = brokers.settings_of_its_own(bootstrap_servers, models_dir, horizons="all")
    assert asyncio.run(real_topic.fill(settings)) > 400
    return real_topic.variables(settings)
