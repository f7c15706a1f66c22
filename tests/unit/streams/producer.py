"""Stands for aiokafka's producer: real batches, and acknowledgements when the test gives them."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record import MemoryRecords


class Record(NamedTuple):
    """What a consumer would read."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[tuple[str, bytes]]


class Sent(NamedTuple):
    """One batch that was handed over, in order."""

    topic: str
    partition: int
    records: list[Record]
    future: asyncio.Future[Any]

    @property
    def values(self) -> list[bytes | None]:
        return [record.value for record in self.records]


class FakeProducer:
    """Takes batches in order; `acknowledge` and `refuse` tell their futures."""

    def __init__(self, batch_size: int = 1 << 20) -> None:
        self.batch_size = batch_size
        self.sent: list[Sent] = []
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._room = math.inf

    @contextmanager
    def full_after(self, n_batches: int) -> Iterator[None]:
        """Take *n_batches* more within the ``with``: whoever sends another waits."""
        self._room = n_batches
        self._has_room.clear()
        yield
        self._room = math.inf
        self._has_room.set()

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self.batch_size, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        if not self._room:
            await self._has_room.wait()
        self._room -= 1
        records: list[Record] = []
        if batch.record_count():
            content = MemoryRecords(bytes(batch._build()))
            while content.has_next():
                records += [
                    Record(r.offset, r.key, r.value, r.timestamp, list(r.headers))
                    for r in content.next_batch()
                ]
        assert len(records) == batch.record_count(), "the batch counts its records wrongly"
        future = asyncio.get_running_loop().create_future()
        self.sent.append(Sent(topic, partition, records, future))
        return future

    def acknowledge(self, *numbers: int) -> None:
        """Acknowledge the batches with these numbers, or all."""
        for number in numbers or range(len(self.sent)):
            if not self.sent[number].future.done():
                self.sent[number].future.set_result(None)

    def refuse(self, number: int, error: Exception) -> None:
        self.sent[number].future.set_exception(error)
