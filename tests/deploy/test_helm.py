"""Helm and kube-score, where they are installed (`make helm-tools`): the chart is sound, and refuses what cannot work."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from ratecast.errors import UsageError
from tests.deploy.crd_schemas import PROMETHEUS_RULE
from tools.chart import manifests
from tools.chart.chart_files import CHART

if TYPE_CHECKING:
    from pathlib import Path


# What kube-score wants and the chart does not do; docs/how-to/kubernetes.md says why.
DECIDED = (
    "container-image-pull-policy",
    "pod-probes-identical",
    "deployment-has-host-podantiaffinity",
    "statefulset-has-host-podantiaffinity",
)


def found(program: str) -> str:
    try:
        return manifests.program(program)
    except UsageError as reason:
        pytest.skip(str(reason))


@pytest.fixture
def helm() -> str:
    return found("helm")


@pytest.mark.parametrize("path", sorted(manifests.MANIFESTS.iterdir()), ids=lambda path: path.stem)
def test_the_policy_check_finds_nothing_critical_but_what_was_decided(path: Path) -> None:
    command = [found("kube-score"), "score", "--output-format", "ci", "--ignore-container-cpu-limit"]
    command += ["--ignore-test", ",".join(DECIDED), str(path)]
    result = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "[OK] ratecast-worker" in result.stdout


@pytest.mark.parametrize("values", manifests.VALUES, ids=lambda path: path.stem)
def test_helm_finds_no_fault_in_the_chart(helm: str, values: Path) -> None:
    command = [helm, "lint", "--strict", str(CHART), "-f", str(values)]
    result = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "1 chart(s) linted, 0 chart(s) failed" in result.stdout


@pytest.mark.usefixtures("helm")
def test_the_manifests_are_what_helm_makes_of_the_chart() -> None:
    written = {path: path.read_text() for path in manifests.MANIFESTS.iterdir()}
    assert written == manifests.manifests(), "run `python -m tools.chart.manifests`"


@pytest.mark.usefixtures("helm")
def test_rules_and_dashboards_arrive_unchanged_but_for_names_that_were_chosen() -> None:
    (values,) = [path for path in manifests.VALUES if path.stem == "everything"]
    result = manifests.template(values)
    assert result.returncode == 0, result.stderr
    made = list(yaml.safe_load_all(result.stdout))
    (rule,) = [resource for resource in made if resource["kind"] == "PrometheusRule"]
    jsonschema.validate(rule, PROMETHEUS_RULE)
    chosen = (CHART / "files" / "rules.yaml").read_text()
    for before, after in (
        ('topic_name="rate-histories"', 'topic_name="histories"'),
        ('group_id="ratecast-workers"', 'group_id="desk"'),
        ("https://github.com/ratecast/ratecast/blob/main/docs/runbooks", "https://wiki.example/runbooks"),
    ):
        assert before in chosen
        chosen = chosen.replace(before, after)
    assert rule["spec"] == yaml.safe_load(chosen)
    boards = {
        name: content
        for resource in made
        if resource["kind"] == "ConfigMap"
        for name, content in resource["data"].items()
        if name.endswith(".json")
    }
    assert boards == {path.name: path.read_text() for path in (CHART / "files" / "dashboards").iterdir()}


@pytest.mark.usefixtures("helm")
@pytest.mark.parametrize(
    ("values", "options", "words"),
    [
        (
            "minimal",
            ["kafka.bootstrapServers="],
            "set kafka.bootstrapServers to the addresses of your brokers",
        ),
        ("minimal", ["kafka.securityProtocol=SASL_SSL"], "set kafka.sasl.existingSecret"),
        ("minimal", ["web.enabled=true"], "set web.existingSecret"),
        ("minimal", ["sink.enabled=true"], "set sink.existingSecret"),
        ("minimal", ["feed.enabled=true"], "set feed.source"),
        ("minimal", ["models.url=s3://models"], "training jobs write to a volume"),
        (
            "production",
            ["models.existingClaim=models"],
            "set one of models.url, models.urlSecret and models.existingClaim",
        ),
        ("minimal", ["worker.autoscaling.enabled=true"], "set worker.autoscaling.prometheusAddress"),
        ("minimal", ["models.publicKeys=a key"], "set models.signingSecret"),
        ("production", ["worker.autoscaling.maxReplicas=13"], "is 13, but the input topic has 12 partitions"),
        ("minimal", ["worker.replcas=3"], "replcas"),
    ],
)
def test_values_that_cannot_work_are_refused_with_what_to_set(
    values: str, options: list[str], words: str
) -> None:
    (path,) = [path for path in manifests.VALUES if path.stem == values]
    result = manifests.template(path, *(word for option in options for word in ("--set", option)))
    assert result.returncode != 0
    assert words in result.stderr
