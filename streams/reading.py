"""Reading a topic without a group: from a point on, up to its end, or for ever."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from headrace.errors import TopicError
from streams.transport import partitions_by_topic

_POLL_MS = 200


async def require(client: AIOKafkaConsumer | AIOKafkaProducer, topic: str) -> list[TopicPartition]:
    """Return the partitions of *topic*, sorted.

    Raises
    ------
    TopicError
        If there is no such topic.

    """
    found = await partitions_by_topic(client)
    if topic not in found:
        raise TopicError(
            f"topic {topic} does not exist",
            fix="headrace topics create TARGET   (headrace topics ls lists all)",
        )
    return [TopicPartition(topic, number) for number in found[topic]]


async def end_offsets(consumer: AIOKafkaConsumer, topic: str) -> dict[int, int]:
    """Return the log end offset of each partition of *topic*."""
    ends = await consumer.end_offsets(await require(consumer, topic))
    return {tp.partition: offset for tp, offset in ends.items()}


async def seek(
    consumer: AIOKafkaConsumer,
    tps: list[TopicPartition],
    *,
    last: int | None,
    since_s: float | None,
) -> None:
    """Assign *tps*; go to the last *last* records of each, to *since_s* seconds ago, or to the start."""
    consumer.assign(tps)
    beginnings = await consumer.beginning_offsets(tps)
    ends = await consumer.end_offsets(tps)
    times = {}
    if since_s is not None:
        at_ms = int((time.time() - since_s) * 1000)
        times = await consumer.offsets_for_times(dict.fromkeys(tps, at_ms))
    for tp in tps:
        start = beginnings[tp]
        if since_s is not None:
            start = times[tp].offset if times.get(tp) else ends[tp]
        elif last is not None:
            start = max(start, ends[tp] - last)
        consumer.seek(tp, start)


async def records(consumer: AIOKafkaConsumer, *, follow: bool) -> AsyncIterator[ConsumerRecord]:
    """Yield the records of the assigned partitions; end at the present end of the log unless *follow*."""
    tps = list(consumer.assignment())
    ends = await consumer.end_offsets(tps)
    while True:
        if not follow and all([await consumer.position(tp) >= ends[tp] for tp in tps]):
            return
        for fetched in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
            for record in fetched:
                yield record
