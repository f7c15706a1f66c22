"""Quix Streams: a dataframe with one ``apply``."""

from __future__ import annotations

from common import PARTITIONS, Clock, arguments, step_of
from quixstreams import Application, message_context


def main() -> None:
    """Work until all events asked for are done and acknowledged."""
    asked = arguments()
    app = Application(
        broker_address=asked.bootstrap,
        consumer_group=asked.group,
        auto_offset_reset="earliest",
        auto_create_topics=False,
        loglevel="ERROR",
        producer_extra_config={"acks": "all"},
    )
    source = app.topic(asked.source, value_deserializer="bytes")
    results = app.topic(asked.results, value_serializer="bytes")
    steps = [step_of(asked.model) for _ in range(PARTITIONS)]
    clock = Clock()

    def learn(value: bytes) -> bytes:
        clock.start()
        return steps[message_context().partition](value)

    frame = app.dataframe(source).apply(learn)
    frame.to_topic(results)
    app.run(count=asked.events)
    clock.report(asked.events)


if __name__ == "__main__":
    main()
