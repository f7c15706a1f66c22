"""confluent-kafka by hand: consume up to a thousand records, produce each result, flush at the end."""

from __future__ import annotations

from common import FETCH_WAIT_MS, PARTITIONS, Clock, arguments, step_of
from confluent_kafka import Consumer, Producer


def main() -> None:
    """Work until all events asked for are done and acknowledged."""
    asked = arguments()
    consumer = Consumer(
        {
            "bootstrap.servers": asked.bootstrap,
            "group.id": asked.group,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": FETCH_WAIT_MS,
        }
    )
    producer = Producer(
        {"bootstrap.servers": asked.bootstrap, "acks": "all", "queue.buffering.max.messages": 1_000_000}
    )
    steps = [step_of(asked.model) for _ in range(PARTITIONS)]
    consumer.subscribe([asked.source])
    clock, done = Clock(), 0
    while done < asked.events:
        # It waits until it has this many or the time is over.
        records = consumer.consume(1000, 0.1)
        for record in records:
            clock.start()
            partition = record.partition()
            result = steps[partition](record.value())
            producer.produce(asked.results, result, record.key(), partition)
        producer.poll(0)
        done += len(records)
    producer.flush(60)
    clock.report(done)


if __name__ == "__main__":
    main()
