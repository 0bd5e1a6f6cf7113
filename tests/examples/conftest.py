from __future__ import annotations

import asyncio
import uuid

import pytest

from ratecast.settings import Settings
from tests.examples import real_topic


@pytest.fixture(scope="session")
def scored_year(bootstrap_servers, tmp_path_factory):
    """The environment of a topic with the predictions of this year; made once."""
    models_dir = tmp_path_factory.mktemp("small-models")
    real_topic.train_small(models_dir)
    tag = uuid.uuid4().hex[:12]
    settings = Settings(
        bootstrap_servers=bootstrap_servers,
        input_topic=f"histories-{tag}",
        output_topic=f"predictions-{tag}",
        dead_letter_topic=f"dead-letters-{tag}",
        group_id=f"workers-{tag}",
        models_dir=models_dir,
        horizons="all",
        http_port=0,
    )
    assert asyncio.run(real_topic.fill(settings)) > 400
    return real_topic.variables(settings)
