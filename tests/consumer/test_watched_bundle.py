"""A bundle that the worker's settings need more of."""

from __future__ import annotations

import json

import pytest
from prometheus_client import CollectorRegistry

from consumer.models import CurrentModel
from monitoring.metrics import WorkerMetrics
from ratecast.errors import ModelBundleError
from ratecast.model import bundle as model
from ratecast.settings import Settings
from tests.bundles import write_bundle, write_manifest


def test_a_model_without_a_table_for_a_wanted_field_is_refused_in_one_line(tmp_path):
    directory = write_bundle(tmp_path, "one")
    content = json.loads((directory / model.STATS).read_text())
    (directory / model.STATS).write_text(json.dumps(content | {"horizons": {}}))
    write_manifest(directory, "one")
    plain, further = (
        CurrentModel(Settings(models_dir=tmp_path, horizons=steps), WorkerMetrics(CollectorRegistry(), list))
        for steps in ("none", "2")
    )
    plain.load()
    with pytest.raises(
        ModelBundleError, match=r"has no table for 2 steps ahead, .*: run `ratecast train` again$"
    ):
        further.load()
