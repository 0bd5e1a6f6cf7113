"""Publishes at a fixed rate whatever the readers do, in a process of its own with a foreign client (librdkafka).

A message is due at ``start + number / rate``. Prints ``start``, a reading of the monotonic clock, which all processes
of a Linux machine share; at the end it prints how late it handed over 99 of 100 messages, in milliseconds.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from confluent_kafka import Producer

from benchmarks.bench_topics import values


def main(bootstrap_servers: str, topic: str, partitions: int, rate: float, messages: int, pairs: str) -> None:
    contents = values(pairs.split(","), 61)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "linger.ms": 0,
            "acks": "all",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.list_topics(topic, 30)  # connects before the first message is due
    late = np.zeros(messages)
    start = time.perf_counter() + 0.2
    print(start, flush=True)
    for number in range(messages):
        due = start + number / rate
        while (left := due - time.perf_counter()) > 0:
            if left > 0.0005:
                time.sleep(min(left - 0.0003, 0.002))
        late[number] = time.perf_counter() - due
        producer.produce(
            topic, contents[number % len(contents)], key=str(number).encode(), partition=number % partitions
        )
        producer.poll(0)
    producer.flush(30)
    print(1000 * np.quantile(late, 0.99), flush=True)


if __name__ == "__main__":
    servers, name, *numbers, names = sys.argv[1:]
    main(servers, name, int(numbers[0]), float(numbers[1]), int(numbers[2]), names)
