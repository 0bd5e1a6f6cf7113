"""The parts of one ``ratecast web``, wired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ratecast.model.signatures import TrustedKeys
from ratecast.web_settings import listed
from web.door import Door
from web.event_stream import OpenStreams
from web.live_state import LiveState
from web.model_card import ModelCards
from web.page_memory import PageMemory
from web.prediction_streams import MOST_CLIENTS, PredictionStreams
from web.topic_feed import TopicFeed
from web.waiting_answers import WaitingAnswers
from web.worker_scrapes import WorkerScrapes

if TYPE_CHECKING:
    from monitoring.web_metrics import WebMetrics
    from ratecast.settings import Settings


@dataclass(frozen=True)
class Parts:
    """What the routes answer from, and what runs beside them."""

    settings: Settings
    memory: PageMemory
    feed: TopicFeed
    scrapes: WorkerScrapes
    state: LiveState
    answers: WaitingAnswers
    door: Door
    streams: PredictionStreams
    open_streams: OpenStreams

    def close_streams(self) -> None:
        """End all streams, because the program stops."""
        self.open_streams.close()
        self.streams.close()


def make_parts(settings: Settings, metrics: WebMetrics) -> Parts:
    """Return the parts; a running event loop is needed."""
    memory = PageMemory(settings.web_messages_per_pair)
    answers, streams = WaitingAnswers(settings.web_waiting_requests), PredictionStreams()
    open_streams = OpenStreams(MOST_CLIENTS)
    feed = TopicFeed(settings, memory, metrics, (answers, streams))
    scrapes = WorkerScrapes(listed(settings.web_metrics_urls))
    cards = ModelCards(settings.models_dir, TrustedKeys.of(settings))
    metrics.watch(lambda: answers.count, lambda: open_streams.count)
    return Parts(
        settings=settings,
        memory=memory,
        feed=feed,
        scrapes=scrapes,
        state=LiveState(memory, feed, scrapes, cards, is_demo=settings.web_fault_injection),
        answers=answers,
        door=Door(settings, feed, answers),
        streams=streams,
        open_streams=open_streams,
    )
