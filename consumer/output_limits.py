"""Batch and record sizes that the output topics accept: read at start and after a rejection."""

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
    """Size limits of the output topics, shared by a worker's pipelines.

    Args:
        settings: The topics, and the desired batch size.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topics = (settings.output_topic, settings.dead_letter_topic)
        self._known: dict[str, int] = {}
        self.batch_bytes = settings.publish_batch_bytes
        """Maximum bytes in one published batch."""

    def record_bytes(self, topic: str) -> int | None:
        """Return the maximum bytes of key, value and headers in one record; None if the broker did not report it."""
        limit = self._known.get(topic)
        return None if limit is None else limit - _BATCH_OVERHEAD

    async def ask(self) -> None:
        """Read the limits from the brokers. Limits that they do not report stay unchanged."""
        try:
            async with admin(self._settings) as client:
                resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in self._topics]
                responses = await client.describe_configs(resources)
        except (KafkaError, RatecastError) as error:
            log.info("cannot read the topics' size limits, using the settings: %s", error)
            return
        for response in responses:
            for resource in response.resources:
                self._note(resource[3], _configuration(resource))
        tightest = min(self._known, key=lambda topic: self._known[topic], default=None)
        if tightest is not None and self._known[tightest] < self.batch_bytes:
            self.batch_bytes = self._known[tightest]
            log.info(
                "topic %s accepts batches of at most %d bytes (max.message.bytes): smaller batches are sent",
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
                "topic %s is compacted, so only the newest dead letter of each key is kept. Set its cleanup.policy to delete",
                topic,
            )

    async def rejected(self, topic: str) -> None:
        """Handle a batch that was too large: read the limits again, or halve the batch size if that fails."""
        before = self.batch_bytes
        await self.ask()
        if topic not in self._known and self.batch_bytes == before:
            self.batch_bytes = max(_LEAST_BATCH_BYTES, before // 2)
            log.warning(
                "topic %s rejected a batch of up to %d bytes; retrying with %d",
                topic,
                before,
                self.batch_bytes,
            )


def _configuration(resource: Any) -> dict[str, str | None]:
    """Return names and values of a resource of a DescribeConfigs response (error, message, type, name, entries)."""
    return {} if resource[0] else {entry[0]: entry[1] for entry in resource[4]}
