"""What the pipelines of one worker share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import TopicPartition
    from aiokafka.errors import KafkaError

    from consumer.beginning import Beginning
    from consumer.identity import TopicIdentity
    from consumer.output_limits import OutputLimits
    from consumer.publishing import Publisher
    from monitoring.metrics import WorkerMetrics
    from ratecast.scoring.scorer import Scorer
    from ratecast.settings import Settings


@dataclass(frozen=True)
class Surroundings:
    """What the pipelines of one worker share.

    Attributes:
        settings: topics and limits.
        consumer: the worker's consumer (an AIOKafkaConsumer).
        scorer: of the model in use.
        publisher: makes a partition's publisher, not yet started.
        beginning: finds where reading begins.
        identity: which topic the input topic is.
        limits: what the output topics take.
        metrics: where outcomes are counted.
        refused: called with what the group's coordinator says against this worker.
    """

    settings: Settings
    consumer: Any
    scorer: Callable[[], Scorer]
    publisher: Callable[[TopicPartition], Publisher]
    beginning: Beginning
    identity: TopicIdentity
    limits: OutputLimits
    metrics: WorkerMetrics
    refused: Callable[[KafkaError], None]
