"""Producers that lose a batch now and then, and go on with the next: aiokafka's does when one expires."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import KafkaTimeoutError

from tests.simulation.ports import SimBatch, SimProducer


class ExpiringProducer(SimProducer):
    """Idempotent: what arrives is in order. A batch may expire before it is sent, or its answer be lost."""

    def _post(self, topic: str, partition: int) -> None:
        queue = self._queues[topic, partition]
        batch, future = queue[0]

        def deliver() -> None:
            queue.popleft()
            try:
                self._arrive(topic, partition, batch)
            finally:
                if queue and self._process.is_alive:
                    self._post(topic, partition)

        self._send(f"deliver {topic} {partition} {batch}", deliver, future)

    def _send(self, name: str, deliver: Any, future: asyncio.Future[Any]) -> None:
        lease, world = self._process.lease, self._world
        world.post(self._process, name, deliver, future, lease or world.is_delivered, is_sent=lease is None)

    def _arrive(self, topic: str, partition: int, batch: SimBatch) -> None:
        world = self._world
        if world.rng.random() < world.error_rate:
            world.counts["batches failed"] += 1
            if world.rng.random() < 0.3:
                self._process.publish(topic, partition, batch.records, None)
            raise KafkaTimeoutError
        self._process.publish(topic, partition, batch.records, None)


class HastyProducer(ExpiringProducer):
    """Not idempotent: several batches are under way, and overtake each other."""

    async def send_batch(self, batch: SimBatch, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self._process.require_alive()
        future = self._world.loop.create_future()
        self._send(f"deliver {batch}", lambda: self._arrive(topic, partition, batch), future)
        return future
