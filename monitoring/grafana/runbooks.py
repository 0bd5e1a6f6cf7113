"""Which panels lead to which runbooks: those of the alerts that look at what the panel shows."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardLinkType

# Where a browser finds `docs/runbooks/`: Grafana serves the folder when it is mounted below its `public/`.
DIRECTORY_URL = "/public/runbooks"
INDEX_URL = f"{DIRECTORY_URL}/README.md"

_DRIFTED_MESSAGES = (
    "RatecastDriftRatioHigh",
    "RatecastFleetDriftRatioHigh",
    "RatecastDailyDriftRatioHigh",
)
_TRANSACTIONS = ("RatecastTransactionsAborting", "RatecastTransactionsFenced")
_DRIFTED_FEATURES = ("RatecastFeatureDrift", "RatecastFeatureDriftWidespread")
# An alert that fires here and reaches nobody, or that cannot fire.
_ALERTING = (
    "RatecastNotificationsFailing",
    "RatecastAlertmanagerDown",
    "RatecastAlertsDropped",
    "RatecastRulesFailing",
    "RatecastConfigReloadFailed",
)
_ODD_RATES = ("RatecastFeedFault", "RatecastVolatilityRegime")

# Title of a panel -> alerts.
ALERTS: dict[str, tuple[str, ...]] = {
    "Predictions flow": ("RatecastPredictionsStalled", "RatecastNoWorkers"),
    "Prediction rate": ("RatecastPredictionsStalled",),
    "End-to-end p95": ("RatecastMessageLatencyHigh",),
    "Scoring p95": ("RatecastInferenceLatencyHigh",),
    "Lag": ("RatecastConsumerLagGrowing", "RatecastRecordsHeldBack", "RatecastKafkaLagExporterDown"),
    "Lag in time": ("RatecastConsumerLagOverBudget",),
    "Drift ratio": _DRIFTED_MESSAGES,
    "Pairs that do not fit": ("RatecastCoverageOff", "RatecastForecastWorseThanLastRate"),
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
    "Rate by outcome": ("RatecastPredictionsStalled",),
    "Outcomes": ("RatecastDeadLettersRising", "RatecastTransactionsAborting"),
    "Dead letters by code": ("RatecastDeadLettersRising",),
    "Transactions by outcome": _TRANSACTIONS,
    "Dead letters, share by code": ("RatecastDeadLettersRising",),
    "Aborted transactions, share by worker": _TRANSACTIONS,
    "Scoring errors by worker": ("RatecastScoringErrors",),
    "Scoring latency": ("RatecastInferenceLatencyHigh",),
    "End-to-end latency": ("RatecastMessageLatencyHigh",),
    "Scoring latency, distribution": ("RatecastInferenceLatencyHigh",),
    "End-to-end latency, distribution": ("RatecastMessageLatencyHigh",),
    "Drift ratio over time": _DRIFTED_MESSAGES,
    "Drift ratio by pair": _DRIFTED_MESSAGES,
    "Lag by partition": ("RatecastConsumerLagGrowing", "RatecastPartitionWithoutOwner"),
    "Lag in time by partition": ("RatecastConsumerLagOverBudget",),
    "Records held back by partition": ("RatecastRecordsHeldBack",),
    "Blocked partitions by worker": ("RatecastPartitionBlocked",),
    "Records lost to retention": ("RatecastRecordsLostToRetention",),
    "Assigned partitions by worker": ("RatecastPartitionWithoutOwner",),
    "Rebalances by worker": ("RatecastWorkerRestarting", "RatecastTransactionsFenced"),
    "Refused by the group": ("RatecastGroupJoinRefused",),
    "Model versions in use": ("RatecastModelRefused",),
    "Worst error ratio": ("RatecastForecastWorseThanLastRate",),
    "Coverage off target": ("RatecastCoverageOff",),
    "Pairs over their drift threshold": _DRIFTED_FEATURES,
    "Data-quality alerts": _ODD_RATES,
    "Oldest rate": ("RatecastRateStale",),
    "Error ratio to the last rate": ("RatecastForecastWorseThanLastRate",),
    "Coverage of the 80 % range": ("RatecastCoverageOff",),
    "Coverage of the 95 % range": ("RatecastCoverageOff",),
    "Changes of accuracy": ("RatecastAccuracyWorse", "RatecastAccuracyBetter"),
    "Drift by KS over threshold": _DRIFTED_FEATURES,
    "Drift score over threshold": _DRIFTED_FEATURES,
    "Quality alerts by code": _ODD_RATES,
    "Quality alerts by pair": _ODD_RATES,
    "Quality alerts in the time shown": _ODD_RATES,
    "Rate age by pair": ("RatecastRateStale",),
    "Model reloads": ("RatecastModelRefused",),
    "Time since training's last day": ("RatecastModelTooOld",),
}


def url(alert: str) -> str:
    """Of an alert's runbook; the alert may be a variable of Grafana's.

    >>> url("RatecastRateStale")
    '/public/runbooks/RatecastRateStale.md'
    """
    return f"{DIRECTORY_URL}/{alert}.md"


def links(title: str) -> list[dashboard.DashboardLink]:
    """From a panel of this title to its runbooks, in a new tab."""
    return [
        dashboard.DashboardLink(f"Runbook {alert}")
        .type(DashboardLinkType.LINK)
        .url(url(alert))
        .target_blank(True)
        for alert in ALERTS.get(title, ())
    ]
