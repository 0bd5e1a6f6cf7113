"""The manifests of the three sets of values: accepted by several Kubernetes, locked down, and consistent in themselves."""

from __future__ import annotations

import copy
import functools
import re
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils

from ratecast.settings import ENV_PREFIX, Settings
from tests.deploy.crd_schemas import BY_KIND, PROMETHEUS_RULE
from tests.deploy.rendered import SETS, containers, of_kind, pod_specs, resources
from tests.promql import selectors
from tools.chart.chart_files import CHART
from tools.chart.manifests import MANIFESTS, digest
from tools.chart.settings_schema import is_secret

# The oldest that the chart allows, the newest that there are schemas of, and two between.
KUBERNETES = ["1.27", "1.31", "1.34", "1.37"]
HOW = "run `make helm-tools`, then `python -m tools.chart.manifests`"

of_each_set = pytest.mark.parametrize("name", SETS)


@of_each_set
def test_a_manifest_was_made_from_this_chart(name: str) -> None:
    assert f"Digest of the chart: {digest()}\n" in (MANIFESTS / f"{name}.yaml").read_text(), HOW
    assert {path.stem for path in MANIFESTS.iterdir()} == set(SETS)


@pytest.fixture(scope="module", autouse=True)
def _schemas_are_read_once() -> Any:
    """The validator would read megabytes of definitions for each resource."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", functools.cache(utils.schema_contents))
        yield


def test_the_oldest_kubernetes_is_the_one_that_the_chart_allows() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert chart["kubeVersion"] == f">={KUBERNETES[0]}.0-0"
    assert {f"{version}.0" for version in KUBERNETES} <= set(utils.all_versions())


@pytest.mark.parametrize("version", KUBERNETES)
@of_each_set
def test_kubernetes_knows_every_field(name: str, version: str) -> None:
    checked = 0
    for resource in resources(name):
        if resource["kind"] in BY_KIND:
            jsonschema.validate(resource, BY_KIND[resource["kind"]])
        else:
            assert kubernetes_validate.validate(resource, version, strict=True) == version
            checked += 1
    assert checked >= 6


def test_an_unknown_field_would_be_noticed() -> None:
    (workers,) = copy.deepcopy(of_kind("minimal", "StatefulSet"))
    workers["spec"]["replcas"] = 3
    with pytest.raises(kubernetes_validate.ValidationError, match="replcas"):
        kubernetes_validate.validate(workers, KUBERNETES[-1], strict=True)


def test_the_operator_accepts_every_rule() -> None:
    spec = yaml.safe_load((CHART / "files" / "rules.yaml").read_text())
    jsonschema.validate(spec, PROMETHEUS_RULE["properties"]["spec"])


@of_each_set
def test_names_are_short_and_unique(name: str) -> None:
    named = [(resource["kind"], resource["metadata"]["name"]) for resource in resources(name)]
    assert len(named) == len(set(named))
    assert max(len(own) for _, own in named) <= 52  # the limit of a CronJob, the lowest


@of_each_set
def test_pods_keep_to_the_restricted_standard_of_kubernetes(name: str) -> None:
    """The profile "restricted" of the Pod Security Standards, and no token, no link and no write besides."""
    components = set()
    for component, spec in pod_specs(name):
        components.add(component)
        security = spec["securityContext"]
        assert security["runAsNonRoot"] is True
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for volume in spec["volumes"]:
            assert not {"hostPath", "gcePersistentDisk", "nfs"} & volume.keys(), volume
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"]
    assert {"worker", "topics"} <= components
    for component, container in containers(name):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys(), component
        assert "memory" in container["resources"]["limits"], component
        assert not container["image"].endswith(":latest")


@of_each_set
def test_mounts_volumes_and_environments_fit_each_other(name: str) -> None:
    for component, spec in pod_specs(name):
        volumes = [volume["name"] for volume in spec["volumes"]]
        assert len(volumes) == len(set(volumes))
        mounted = set()
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            paths = [mount["mountPath"] for mount in container["volumeMounts"]]
            assert len(paths) == len(set(paths))
            mounted |= {mount["name"] for mount in container["volumeMounts"]}
            variables = [variable["name"] for variable in container.get("env", [])]
            assert len(variables) == len(set(variables)), component
        assert mounted == set(volumes), component


@of_each_set
def test_every_variable_is_a_setting_with_a_value_and_secrets_come_by_reference(name: str) -> None:
    plain: dict[str, str] = {}
    for _, container in containers(name):
        for variable in container.get("env", []):
            setting = variable["name"].removeprefix(ENV_PREFIX).lower()
            if not variable["name"].startswith(ENV_PREFIX):
                continue
            field = Settings.model_fields.get(setting)
            of_file = Settings.model_fields.get(setting.removesuffix("_file"))
            assert field or (of_file and is_secret(of_file)), setting
            if (
                field is not None and is_secret(field) and setting != "models_url"
            ):  # it need not have a password
                assert variable["valueFrom"]["secretKeyRef"]["name"], setting
            elif "value" in variable:
                assert variable["value"].strip(), setting
                plain |= {setting: variable["value"]} if field is not None else {}
    # Values as the programs read them, so 2000000 must not have become 2e+06.
    files = {key for key in plain if key.startswith("ssl_") or key.endswith("_file")}
    secrets = {"sasl_username": "somebody", "sasl_password": "a password"}
    read = Settings(**secrets, **{key: value for key, value in plain.items() if key not in files})  # type: ignore[arg-type]
    if name == "everything":
        assert (read.max_message_bytes, read.rate_metrics, read.log_level) == (2_000_000, False, "DEBUG")


@of_each_set
def test_services_monitors_budgets_and_policies_select_pods_that_exist(name: str) -> None:
    labels = {
        component: spec_labels
        for resource in resources(name)
        for template in [
            resource.get("spec", {})
            .get("jobTemplate", {})
            .get("spec", resource.get("spec", {}))
            .get("template")
        ]
        if template
        for spec_labels in [template["metadata"]["labels"]]
        for component in [spec_labels["app.kubernetes.io/component"]]
    }

    def selected(selector: dict[str, str], among: dict[str, dict[str, str]]) -> set[str]:
        return {key for key, have in among.items() if selector.items() <= have.items()}

    services = {
        service["metadata"]["name"]: service["metadata"]["labels"] for service in of_kind(name, "Service")
    }
    for service in of_kind(name, "Service"):
        assert len(selected(service["spec"]["selector"], labels)) == 1
    for monitor in of_kind(name, "ServiceMonitor"):
        assert len(selected(monitor["spec"]["selector"]["matchLabels"], services)) == 1
    for budget in of_kind(name, "PodDisruptionBudget"):
        assert len(selected(budget["spec"]["selector"]["matchLabels"], labels)) == 1
        assert budget["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"
    covered = set()
    for policy in of_kind(name, "NetworkPolicy"):
        found = selected(policy["spec"]["podSelector"]["matchLabels"], labels)
        assert found
        covered |= found
    assert covered == set(labels)


@of_each_set
def test_the_page_reads_the_metrics_of_the_workers_service(name: str) -> None:
    services = {service["metadata"]["name"] for service in of_kind(name, "Service")}
    for component, container in containers(name):
        if component == "web":
            (url,) = [
                variable["value"]
                for variable in container["env"]
                if variable["name"] == "RATECAST_WEB_METRICS_URLS"
            ]
            found = re.fullmatch(r"http://([\w-]+):8000/metrics", url)
            assert found is not None
            assert found[1] in services


@of_each_set
def test_workers_scale_by_their_own_lag_and_never_beyond_the_partitions(name: str) -> None:
    (workers,) = of_kind(name, "StatefulSet")
    scaled = of_kind(name, "ScaledObject")
    assert bool(scaled) != ("replicas" in workers["spec"]), "two would set the number of workers"
    for one in scaled:
        spec = one["spec"]
        assert spec["scaleTargetRef"]["name"] == workers["metadata"]["name"]
        partitions = {"production": 12, "everything": 6}[name]
        assert spec["minReplicaCount"] <= spec["maxReplicaCount"] <= partitions
        lag, busy = spec["triggers"]
        assert lag["metricType"] == "Value"
        assert busy["type"] == "cpu"
        (selector,) = selectors(lag["metadata"]["query"])
        assert selector.metric == "consumer_lag_seconds"
        assert selector.of("service") == [("=", workers["spec"]["serviceName"])]
        assert selector.of("namespace") == [("=", "rates")]


@of_each_set
def test_monitors_name_the_jobs_that_rules_count(name: str) -> None:
    for monitor in of_kind(name, "ServiceMonitor"):
        (endpoint,) = monitor["spec"]["endpoints"]
        labels = {entry["targetLabel"]: entry["replacement"] for entry in endpoint["relabelings"]}
        component = monitor["metadata"]["labels"]["app.kubernetes.io/component"]
        assert labels["job"] == f"ratecast-{component}"
        assert ("authorization" in endpoint) == (component == "web")  # only its metrics need the token


def test_ports_of_the_brokers_are_open() -> None:
    def ports(name: str) -> list[int]:
        (policy,) = [p for p in of_kind(name, "NetworkPolicy") if p["metadata"]["name"] == "ratecast"]
        return [port["port"] for port in policy["spec"]["egress"][1]["ports"]]

    assert ports("minimal") == [9092]
    assert ports("production") == [9093]
    assert ports("everything") == [9093, 9094, 9095]
