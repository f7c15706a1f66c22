"""The ports of ownership over a real Kafka: the group, and the decisions topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faust.types import TP

from streams.ports import Bounds, Committed

_POLL_MS = 100


class KafkaGroup:
    """The consumer group, through the consumer of a Faust app."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def committed(self, tps: Sequence[TP]) -> dict[TP, Committed]:
        """Return what is committed of each partition."""
        found: dict[TP, Committed] = await self._app.consumer.committed(tps)
        return found

    async def commit(self, offsets: Mapping[TP, Committed]) -> bool:
        """Commit; return whether this member may still commit these partitions."""
        done: bool = await self._app.consumer.commit_noted(offsets)
        return done

    async def bounds(self, tps: Sequence[TP]) -> dict[TP, Bounds]:
        """Return where each partition of the log begins and ends."""
        starts = await self._app.consumer.earliest_offsets(*tps)
        ends = await self._app.consumer.highwaters(*tps)
        return {tp: Bounds(starts.get(tp) or 0, ends.get(tp) or 0) for tp in tps}


class TailReader:
    """Reads partitions of low-rate topics up to their present end, one after the other.

    Parameters
    ----------
    consumer
        Started, without a group; belongs to this reader.
    """

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._lock = asyncio.Lock()

    async def read(self, topic: str, partition: int, start: int) -> list[ConsumerRecord]:
        """Return the records of a partition from offset *start*, or what is left from there, to its end."""
        tp = TopicPartition(topic, partition)
        consumer = self._consumer
        found: list[ConsumerRecord] = []
        async with self._lock:
            end = (await consumer.end_offsets([tp]))[tp]
            if start >= end:
                return found
            start = max(start, (await consumer.beginning_offsets([tp]))[tp])
            consumer.assign([tp])
            consumer.seek(tp, start)
            while await consumer.position(tp) < end:
                for records in (await consumer.getmany(tp, timeout_ms=_POLL_MS)).values():
                    found += records
            consumer.unsubscribe()
        return [record for record in found if record.offset < end]

    async def start(self, topic: str, partition: int) -> int:
        """Return the first offset of a partition that is still there."""
        tp = TopicPartition(topic, partition)
        async with self._lock:
            found: int = (await self._consumer.beginning_offsets([tp]))[tp]
        return found

    async def read_last(self, topic: str, partition: int, n: int) -> list[ConsumerRecord]:
        """Return the records among the last *n* offsets of a partition."""
        tp = TopicPartition(topic, partition)
        async with self._lock:
            end = (await self._consumer.end_offsets([tp]))[tp]
        return await self.read(topic, partition, max(0, end - n))


class DecisionsTopic:
    """The decisions topic of a pipeline."""

    def __init__(
        self, topic: str, reader: TailReader, producer: Callable[[], aiokafka.AIOKafkaProducer]
    ) -> None:
        self._topic = topic
        self._reader = reader
        self._producer = producer

    async def append(self, partition: int, value: bytes) -> int:
        """Write a record and return its offset once it is acknowledged."""
        written = await self._producer().send_and_wait(self._topic, value, partition=partition)
        offset: int = written.offset
        return offset

    async def read(self, partition: int, start: int) -> list[tuple[int, bytes]]:
        """Return offset and value of every record from *start* to the present end."""
        records = await self._reader.read(self._topic, partition, start)
        return [(record.offset, record.value or b"") for record in records]
