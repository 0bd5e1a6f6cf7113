"""Schemas of the parts of custom resources that the chart uses; an unknown field is an error.

After the definitions of the Prometheus Operator 0.84 (monitoring.coreos.com/v1) and of KEDA 2 (keda.sh/v1alpha1).
"""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
DURATION = {"type": "string", "pattern": r"^([0-9]+(ms|[smhdwy]))+$"}


def _map(*required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


def _many(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


def _resource(version: str, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _map(
        "apiVersion",
        "kind",
        "metadata",
        "spec",
        apiVersion={"const": version},
        kind={"const": kind},
        metadata=_map("name", name=TEXT, labels=TEXTS, annotations=TEXTS),
        spec=spec,
    )


_RULE = _map(
    "expr", record=TEXT, alert=TEXT, expr={"type": ["string", "integer"]}, labels=TEXTS, annotations=TEXTS
)
_RULE["properties"]["for"] = DURATION
PROMETHEUS_RULE = _resource(
    "monitoring.coreos.com/v1",
    "PrometheusRule",
    _map("groups", groups=_many(_map("name", name=TEXT, interval=DURATION, rules=_many(_RULE)))),
)

SERVICE_MONITOR = _resource(
    "monitoring.coreos.com/v1",
    "ServiceMonitor",
    _map(
        "endpoints",
        "selector",
        selector=_map(matchLabels=TEXTS),
        endpoints=_many(
            _map(
                port=TEXT,
                path=TEXT,
                interval=DURATION,
                scrapeTimeout=DURATION,
                authorization=_map(type=TEXT, credentials=_map("key", name=TEXT, key=TEXT)),
                relabelings=_many(_map(targetLabel=TEXT, replacement=TEXT)),
            )
        ),
    ),
)

_SCALING = _map(
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
    policies=_many(
        _map(
            "periodSeconds",
            "type",
            "value",
            type={"enum": ["Pods", "Percent"]},
            value={"type": "integer", "minimum": 1},
            periodSeconds={"type": "integer", "minimum": 1, "maximum": 1800},
        )
    ),
)
SCALED_OBJECT = _resource(
    "keda.sh/v1alpha1",
    "ScaledObject",
    _map(
        "scaleTargetRef",
        "triggers",
        scaleTargetRef=_map("name", apiVersion=TEXT, kind=TEXT, name=TEXT),
        minReplicaCount=NUMBER,
        maxReplicaCount=NUMBER,
        pollingInterval=NUMBER,
        advanced=_map(
            horizontalPodAutoscalerConfig=_map(behavior=_map(scaleUp=_SCALING, scaleDown=_SCALING))
        ),
        triggers=_many(
            _map(
                "metadata",
                "type",
                type={"enum": ["prometheus", "cpu"]},
                metricType={"enum": ["AverageValue", "Value", "Utilization"]},
                metadata=TEXTS,
                authenticationRef=_map("name", name=TEXT),
            )
        ),
    ),
)

BY_KIND = {
    "PrometheusRule": PROMETHEUS_RULE,
    "ServiceMonitor": SERVICE_MONITOR,
    "ScaledObject": SCALED_OBJECT,
}
