"""Publishes the history of each new rate: reads CSV with `date,pair,rate`, oldest first, and keeps the last 61 of each pair.

    python examples/rolling_window.py 2026-11-27 < last_three_months.csv

Rates before the date only fill the windows. It needs confluent-kafka.
"""

import csv
import datetime as dt
import json
import os
import sys
from collections import defaultdict, deque

from confluent_kafka import Producer

WINDOW, LONGEST_HOLE, SATURDAY = 61, dt.timedelta(days=10), 5
BROKER = os.environ.get("RATECAST_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
TOPIC = os.environ.get("RATECAST_INPUT_TOPIC", "rate-histories")


def main() -> None:
    """Read to the end of the input, and wait until every message is on the topic."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/rolling_window.py FIRST_DAY < RATES")
    producer = Producer(
        {"bootstrap.servers": BROKER, "enable.idempotence": True, "message.timeout.ms": 30_000}
    )
    windows = defaultdict(lambda: deque(maxlen=WINDOW))
    errors = []
    for line in csv.DictReader(sys.stdin):
        date, pair, rate = line["date"], line["pair"], float(line["rate"])
        day, window = dt.date.fromisoformat(date), windows[pair]
        last = window[-1][0] if window else day
        if day < last:
            sys.exit(f"{pair}: {day} comes after {last}: sort the lines by date")
        if day.weekday() >= SATURDAY or not 0 < rate < float("inf"):
            continue  # a weekend only repeats Friday's rate, and 0 or NaN would be in the next 61 histories
        if day - last > LONGEST_HOLE:
            window.clear()  # the step over a long hole is not the step of one day
        elif window and day == last:
            window.pop()  # a corrected rate takes the place of the first one
        window.append((day, rate))
        if date < sys.argv[1] or len(window) < 3:
            continue
        history = {
            "pair": pair,
            "history": [number for _, number in window],
            "times": [str(date) for date, _ in window],
            "as_of": date,
            "message_id": f"{pair}@{date}",
        }
        # The key keeps a pair on one partition, and so in order.
        producer.produce(
            TOPIC, json.dumps(history), key=pair, on_delivery=lambda error, _: errors.append(error)
        )
        producer.poll(0 if len(producer) < 10_000 else 1)
    producer.flush()
    if failed := [error.str() for error in errors if error is not None]:
        sys.exit(f"{len(failed)} of {len(errors)} messages were not published: {failed[0]}")


if __name__ == "__main__":
    main()
