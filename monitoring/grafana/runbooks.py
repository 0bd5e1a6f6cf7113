"""Where the runbooks are, and which panel links to which: to those of the alerts on what it shows."""

from __future__ import annotations

import re

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

# The one setting of where the runbooks are, for panels, alerts and notifications. After a change run
# `python -m monitoring.grafana.build`, which writes it into the dashboards and into every `runbook_url` of the rules.
RUNBOOKS_URL = "https://github.com/ratecast/ratecast/blob/main/docs/runbooks"
INDEX_URL = f"{RUNBOOKS_URL}/README.md"
_RUNBOOK_URL = re.compile(r"(?m)^( *runbook_url: )\S+/(Ratecast\w+)\.md$")

_DRIFTED_MESSAGES = (
    "RatecastDriftRatioHigh",
    "RatecastFleetDriftRatioHigh",
    "RatecastDailyDriftRatioHigh",
)
_TRANSACTIONS = ("RatecastTransactionsAborting", "RatecastTransactionsFenced")
_DRIFTED_MODEL = ("RatecastModelDrift",)
_DRIFTED_FEATURES = ("RatecastFeatureDrift", "RatecastFeatureDriftWidespread")
# Alerts about alerts that reach nobody or cannot fire.
_ALERTING = (
    "RatecastNotificationsFailing",
    "RatecastAlertmanagerDown",
    "RatecastAlertsDropped",
    "RatecastRulesFailing",
    "RatecastConfigReloadFailed",
)
_WRONG_RATES = ("RatecastFeedFault", "RatecastVolatilityRegime")

# Alerts by title of the panel.
ALERTS: dict[str, tuple[str, ...]] = {
    "Predictions flowing": ("RatecastPredictionsStalled", "RatecastNoWorkers"),
    "Prediction rate": ("RatecastPredictionsStalled",),
    "End-to-end p95": ("RatecastMessageLatencyHigh",),
    "Scoring p95": ("RatecastInferenceLatencyHigh",),
    "Record lag": ("RatecastConsumerLagGrowing", "RatecastRecordsHeldBack", "RatecastKafkaLagExporterDown"),
    "Time lag": ("RatecastConsumerLagOverBudget",),
    "Drift ratio": _DRIFTED_MESSAGES,
    "Pairs with poor forecasts": ("RatecastCoverageOff", "RatecastForecastWorseThanLastRate"),
    "Alerts firing": _ALERTING,
    "Workers": (
        "RatecastNoWorkers",
        "RatecastWorkerDown",
        "RatecastWorkersFewer",
        "RatecastWorkerRestarting",
        "RatecastGroupJoinRefused",
    ),
    "Partitions without owner": ("RatecastPartitionWithoutOwner", "RatecastKafkaLagExporterDown"),
    "Dead letters": ("RatecastDeadLettersRising",),
    "Outcomes per second": ("RatecastPredictionsStalled",),
    "Outcomes in the time range": ("RatecastDeadLettersRising", "RatecastTransactionsAborting"),
    "Dead letters by code": ("RatecastDeadLettersRising",),
    "Transactions by outcome": _TRANSACTIONS,
    "Dead-letter ratio by code": ("RatecastDeadLettersRising",),
    "Aborted transaction ratio by worker": _TRANSACTIONS,
    "Scoring errors by worker": ("RatecastScoringErrors",),
    "Scoring latency": ("RatecastInferenceLatencyHigh",),
    "End-to-end latency": ("RatecastMessageLatencyHigh",),
    "Scoring latency distribution": ("RatecastInferenceLatencyHigh",),
    "End-to-end latency distribution": ("RatecastMessageLatencyHigh",),
    "Drift ratio over time": _DRIFTED_MESSAGES,
    "Drift ratio by pair": _DRIFTED_MESSAGES,
    "Record lag by partition": ("RatecastConsumerLagGrowing", "RatecastPartitionWithoutOwner"),
    "Time lag by partition": ("RatecastConsumerLagOverBudget",),
    "Records held back by partition": ("RatecastRecordsHeldBack",),
    "Blocked partitions by worker": ("RatecastPartitionBlocked",),
    "Records lost to retention": ("RatecastRecordsLostToRetention",),
    "Assigned partitions by worker": ("RatecastPartitionWithoutOwner",),
    "Rebalances by worker": ("RatecastWorkerRestarting", "RatecastTransactionsFenced"),
    "Workers rejected by the group": ("RatecastGroupJoinRefused",),
    "Rows written by table": ("RatecastSinkDown",),
    "Late rates of the feed": ("RatecastFeedLate", "RatecastFeedFailing"),
    "Polls by outcome": ("RatecastFeedFailing",),
    "Refused by the feed": ("RatecastFeedLate",),
    "Lag of the sink": ("RatecastSinkLagOverBudget", "RatecastSinkDown"),
    "Failures of the sink's database": ("RatecastSinkDatabaseFailing",),
    "Model versions in use": ("RatecastModelRefused",),
    "Worst error ratio": ("RatecastForecastWorseThanLastRate",),
    "Coverage off target": ("RatecastCoverageOff",),
    "Pairs over their drift threshold": _DRIFTED_FEATURES,
    "Data-quality alerts": _WRONG_RATES,
    "Oldest rate": ("RatecastRateStale",),
    "Error ratio to the last rate": ("RatecastForecastWorseThanLastRate",),
    "Coverage of the 80 % range": ("RatecastCoverageOff",),
    "Coverage of the 95 % range": ("RatecastCoverageOff",),
    "Changes of accuracy": ("RatecastAccuracyWorse", "RatecastAccuracyBetter"),
    "Drift by KS over threshold": _DRIFTED_FEATURES,
    "Drift score over threshold": _DRIFTED_FEATURES,
    "Model drift over threshold": _DRIFTED_MODEL,
    "Drift and importance of the range forest's inputs": _DRIFTED_MODEL,
    "Data-quality alerts by code": _WRONG_RATES,
    "Data-quality alerts by pair": _WRONG_RATES,
    "Data-quality alerts by pair and code": _WRONG_RATES,
    "Rate age by pair": ("RatecastRateStale",),
    "Half width of the ranges": ("RatecastFeedFault",),
    "Rate and range of $pair": ("RatecastFeedFault", "RatecastRateStale"),
    "Model reloads": ("RatecastModelRefused",),
    "Time since the last training day": ("RatecastModelTooOld",),
}


def url(alert: str) -> str:
    """Returns the address of an alert's runbook. The alert may be a Grafana variable.

    >>> url("RatecastRateStale")
    'https://github.com/ratecast/ratecast/blob/main/docs/runbooks/RatecastRateStale.md'
    """
    return f"{RUNBOOKS_URL}/{alert}.md"


def with_urls(rules: str) -> str:
    """Returns a file of rules or of their tests in which each `runbook_url` is the address of the alert's runbook."""
    return _RUNBOOK_URL.sub(lambda match: match[1] + url(match[2]), rules)


def links(title: str) -> list[dashboard.DashboardLink]:
    """Returns the links of the panel with this title to its runbooks. They open in a new tab."""
    return [
        dashboard.DashboardLink(f"Runbook {alert}")
        .type(DashboardLinkType.LINK)
        .url(url(alert))
        .target_blank(True)
        for alert in ALERTS.get(title, ())
    ]
