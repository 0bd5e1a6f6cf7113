"""Serves the forest with Quix Streams: its quickstart's ``apply`` and ``to_topic`` around one function.

Settings are its defaults (https://quix.io/docs/quix-streams/configuration.html): at least once, a commit every five
seconds. A StreamingDataFrame calls its functions once a message (https://quix.io/docs/quix-streams/processing.html).
"""

from __future__ import annotations

import sys

from quixstreams import Application

from benchmarks.peers.forest import Forest


def main(bootstrap_servers: str, source: str, target: str, group: str, model: str, _: str) -> None:
    forest = Forest(model)
    application = Application(
        broker_address=bootstrap_servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
    )
    histories = application.dataframe(application.topic(source, value_deserializer="json"))
    answers = histories.apply(lambda message: forest.answers([message["history"]])[0])
    answers.to_topic(application.topic(target, value_serializer="json"))
    application.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
