"""What Helm made of the chart for each set of values, as the repository has it: no Helm is needed to read it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import yaml

from tools.chart.manifests import MANIFESTS, VALUES

if TYPE_CHECKING:
    from collections.abc import Iterator

SETS = [path.stem for path in VALUES]


@functools.cache
def resources(name: str) -> tuple[dict[str, Any], ...]:
    """Returns the resources of a set of values. They are shared, so a test must not change them."""
    text = (MANIFESTS / f"{name}.yaml").read_text()
    return tuple(resource for resource in yaml.safe_load_all(text) if resource)


def of_kind(name: str, kind: str) -> list[dict[str, Any]]:
    """Returns the resources of one kind."""
    return [resource for resource in resources(name) if resource["kind"] == kind]


def pod_specs(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the component and the pod spec of each workload."""
    for resource in resources(name):
        spec = resource.get("spec", {})
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if template is not None:
            yield template["metadata"]["labels"]["app.kubernetes.io/component"], template["spec"]


def containers(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the component and each container of its pods, those that run before the others included."""
    for component, spec in pod_specs(name):
        for container in [*spec.get("initContainers", []), *spec["containers"]]:
            yield component, container
