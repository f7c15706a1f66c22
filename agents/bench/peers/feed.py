"""Produces events: all at once, or at a rate with the moment of sending as the id."""

from __future__ import annotations

import argparse
import itertools
import time

import orjson
from common import PARTITIONS, Clock, arguments, events, values
from confluent_kafka import Producer

TICK_S = 0.001


def flood(producer: Producer, asked: argparse.Namespace) -> None:
    """Produce as fast as the broker takes it."""
    for i, value in enumerate(values(asked.events)):
        producer.produce(asked.source, value, b"%d" % (i % 100), i % PARTITIONS)
        if i % 1000 == 0:
            producer.poll(0)


def pace(producer: Producer, asked: argparse.Namespace) -> None:
    """Produce at an even rate; a late tick sends what is due."""
    began, sent = time.perf_counter(), 0
    rows = itertools.islice(events(), asked.events)
    while sent < asked.events:
        due = min(asked.events, int((time.perf_counter() - began) * asked.rate))
        for event in itertools.islice(rows, due - sent):
            value = orjson.dumps({"id": str(time.time_ns()), **event})
            producer.produce(asked.source, value, b"%d" % (sent % 100), sent % PARTITIONS)
            sent += 1
        producer.poll(0)
        time.sleep(TICK_S)


def main() -> None:
    """Produce, flush, report."""
    asked = arguments()
    producer = Producer(
        {
            "bootstrap.servers": asked.bootstrap,
            "acks": "all",
            "linger.ms": 1 if asked.rate else 20,
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    clock = Clock()
    clock.start()
    (pace if asked.rate else flood)(producer, asked)
    if producer.flush(60):
        raise SystemExit("not all events could be delivered")
    clock.report(asked.events)


if __name__ == "__main__":
    main()
