"""The objects that all pipelines of one worker share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from monitoring.tracing import Tracing
from ratecast.kafka.rights import in_one_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiokafka import TopicPartition
    from aiokafka.errors import KafkaError

    from consumer.identity import TopicIdentity
    from consumer.joint_scoring import JointScoring
    from consumer.output_limits import OutputLimits
    from consumer.publishing import Publisher
    from consumer.shadow_scoring import ShadowScoring
    from consumer.start_finder import StartFinder
    from monitoring.metrics import WorkerMetrics
    from ratecast.settings import Settings


@dataclass(frozen=True)
class PipelineContext:
    """The objects that all pipelines of one worker share.

    Attributes:
        settings: Topics and limits.
        consumer: The worker's consumer (an AIOKafkaConsumer).
        scoring: Scores records with the current model.
        publisher: Makes a publisher for a partition. It is not started yet.
        start_finder: Finds the offset at which reading starts.
        identity: Checks that the input topic was not recreated.
        limits: Size limits of the output topics.
        metrics: Counts the outcomes.
        shadow: Scores committed batches with the shadow model.
        rejected: Called with the error when the group coordinator rejects this worker.
        tracing: Makes the span of each batch.
    """

    settings: Settings
    consumer: Any
    scoring: JointScoring
    publisher: Callable[[TopicPartition], Publisher]
    start_finder: StartFinder
    identity: TopicIdentity
    limits: OutputLimits
    metrics: WorkerMetrics
    shadow: ShadowScoring
    rejected: Callable[[KafkaError], None]
    tracing: Tracing = field(default_factory=Tracing)

    def in_words(self, error: KafkaError) -> str:
        """Return an error of a pipeline with the right that it may lack."""
        outputs = (self.settings.output_topic, self.settings.dead_letter_topic)
        return in_one_line(error, self.settings, written=outputs)
