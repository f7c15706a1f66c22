"""aiokafka by hand: getmany, one batch of results a partition, send_batch."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from common import FETCH_WAIT_MS, PARTITIONS, Clock, arguments, step_of


async def publish(
    producer: AIOKafkaProducer, topic: str, partition: int, step: Any, records: Sequence[Any]
) -> list[Any]:
    """Work on *records* and hand their results over; return the futures of the batches."""
    sent, batch = [], producer.create_batch()
    for record in records:
        result = step(record.value)
        if batch.append(key=record.key, value=result, timestamp=None) is None:
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=record.key, value=result, timestamp=None)
    sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent


async def work(asked: argparse.Namespace, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
    """Work until all events asked for are done and acknowledged."""
    clock, left = Clock(), asked.events
    steps = [step_of(asked.model) for _ in range(PARTITIONS)]
    waiting: set[Any] = set()
    while left > 0:
        for tp, records in (await consumer.getmany(timeout_ms=1000)).items():
            clock.start()
            sent = await publish(producer, asked.results, tp.partition, steps[tp.partition], records)
            waiting = {future for future in (*waiting, *sent) if not future.done()}
            left -= len(records)
    await asyncio.gather(*waiting)
    clock.report(asked.events - left)


async def main() -> None:
    """Connect, work, leave."""
    asked = arguments()
    consumer = AIOKafkaConsumer(
        asked.source,
        bootstrap_servers=asked.bootstrap,
        group_id=asked.group,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        session_timeout_ms=30_000,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=asked.bootstrap, acks="all", max_batch_size=512 << 10, max_request_size=4 << 20
    )
    async with consumer, producer:
        await work(asked, consumer, producer)


if __name__ == "__main__":
    asyncio.run(main())
