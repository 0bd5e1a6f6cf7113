"""How large a batch the output topics take: asked for at the start, and again after one was refused."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from ratecast.errors import RatecastError
from ratecast.kafka.client import admin

if TYPE_CHECKING:
    from ratecast.settings import Settings

log = logging.getLogger(__name__)

_LEAST_BATCH_BYTES = 2**12
_BATCH_OVERHEAD = 200  # a batch's header, and a record's lengths, offsets and times, generously


class OutputLimits:
    """What the topics take; shared by a worker's pipelines.

    Args:
        settings: the topics, and the wanted size of a batch.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = (settings.output_topic, settings.dead_letter_topic)
        self._known: dict[str, int] = {}
        self.batch_bytes = settings.publish_batch_bytes
        """Most bytes in one published batch."""

    def record_bytes(self, topic: str) -> int | None:
        """Most bytes of key, value and headers in one record; None when the broker did not say."""
        limit = self._known.get(topic)
        return None if limit is None else limit - _BATCH_OVERHEAD

    async def ask(self) -> None:
        """Ask the brokers; what they do not say stays as it was."""
        try:
            async with admin(self._settings) as client:
                resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in self._topics]
                responses = await client.describe_configs(resources)
        except (KafkaError, RatecastError) as error:
            log.info("the topics' limits cannot be read, the settings count: %s", error)
            return
        for response in responses:
            for resource in response.resources:
                self._note(resource[3], _configuration(resource))
        tightest = min(self._known, key=lambda topic: self._known[topic], default=None)
        if tightest is not None and self._known[tightest] < self.batch_bytes:
            self.batch_bytes = self._known[tightest]
            log.info(
                "topic %s takes at most %d bytes in a batch (max.message.bytes): batches are kept below that",
                *(tightest, self.batch_bytes),
            )

    def _note(self, topic: str, configuration: dict[str, str | None]) -> None:
        limit = configuration.get("max.message.bytes") or ""
        if limit.isdecimal():
            self._known[topic] = int(limit)
        if topic == self._settings.dead_letter_topic and "compact" in (
            configuration.get("cleanup.policy") or ""
        ):
            log.warning(
                "topic %s is compacted: of dead letters with the same key only the newest is kept; set its "
                "cleanup.policy to delete",
                topic,
            )

    async def refused(self, topic: str) -> None:
        """A batch was too large for a topic: ask anew, and without an answer try half."""
        before = self.batch_bytes
        await self.ask()
        if topic not in self._known and self.batch_bytes == before:
            self.batch_bytes = max(_LEAST_BATCH_BYTES, before // 2)
            log.warning(
                "topic %s refused a batch of up to %d bytes: trying %d", topic, before, self.batch_bytes
            )


def _configuration(resource: Any) -> dict[str, str | None]:
    """Names and values of a resource in a DescribeConfigs response: error, message, type, name, entries."""
    return {} if resource[0] else {entry[0]: entry[1] for entry in resource[4]}
