"""The transactional producer over the simulated Kafka; the outbox that commits with it is the real one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError

from streams import transactions
from streams.ports import Committed
from tests.simulation.kafka import Transaction
from tests.simulation.loop import OWNER
from tests.simulation.ports import SimBatch
from tests.simulation.world import NotYetError

SILENCE_RATE = 1.0
"""How often a change of a transaction is never answered, beside how often a connection breaks."""


class SimTransactionalProducer:
    """Stands for `streams.transactional_producer.TransactionalProducer`."""

    def __init__(self, *, transactional_id: str, on_lost: Callable[[BaseException], None], **_: Any) -> None:
        self._process = OWNER.get()
        self._world = self._process.world
        self._kafka = self._world.kafka
        self._id = transactional_id
        self._on_lost = on_lost
        self._epoch = -1
        self._is_closed = False
        self._queue: deque[tuple[SimBatch, str, int, asyncio.Future[Any]]] = deque()
        self.n_bytes = 0
        self.create_batch = SimBatch

    async def start(self) -> None:
        """Get an epoch: fences whoever had the id before, and ends its transaction."""

        def run() -> int:
            epoch = self._kafka.init_producer(self._id, self._process)
            if epoch is None:
                raise NotYetError
            return epoch

        self._epoch = await self._world.ask(
            self._process, f"init {self._id}", run, error=KafkaConnectionError
        )

    async def begin(self) -> None:
        """Kafka hears of it with the first results."""
        self.n_bytes = 0

    async def send_batch(self, batch: SimBatch, topic: str, *, partition: int) -> asyncio.Future[Any]:
        """Put a batch on its way; batches arrive in order, or not at all."""
        self._process.require_alive()
        self.n_bytes += 1
        if self._world.rng.random() < self._world.back_pressure:
            await self._world.ask(self._process, "buffer full", lambda: None)
        future = self._world.loop.create_future()
        future.add_done_callback(_mark_seen)
        self._queue.append((batch, topic, partition, future))
        if len(self._queue) == 1:
            self._post()
        return future

    def _post(self) -> None:
        batch, topic, partition, future = self._queue[0]

        def deliver() -> None:
            transaction = self._open()
            self._process.publish(topic, partition, batch.records, transaction)
            transaction.n_entries += len(batch.records)
            self._queue.popleft()
            if self._queue and self._process.is_alive and not self._is_closed:
                self._post()

        name = f"deliver in transaction {partition} {batch}"
        self._world.post(self._process, name, deliver, future, self._world.is_delivered)

    def _open(self) -> Transaction:
        """Return the open transaction; wait while the markers of the one before are written."""
        found = self._kafka.ids[self._id]
        if found.epoch == self._epoch and found.current is not None and found.current.status == "prepared":
            raise NotYetError
        try:
            return self._kafka.transaction(self._id, self._epoch, self._world.loop.now)
        except KafkaError:
            self._world.counts["fenced"] += 1
            raise

    async def _change(self, name: str, run: Callable[[], None]) -> None:
        """Ask for a change of the transaction: once, and without an answer all is lost."""
        world = self._world
        if world.error_rate and world.rng.random() < SILENCE_RATE * world.error_rate:
            world.counts["unknown outcomes"] += 1
            world.post(self._process, f"{name}, unanswered", run, is_ready=self._lateness())
            await world.loop.create_future()
        await world.ask(self._process, name, run, error=KafkaConnectionError)

    def _lateness(self) -> Callable[[], bool]:
        """Return what tells when a request that got lost arrives: best in the transaction after it."""
        found, rng = self._kafka.ids[self._id], self._world.rng
        meant = found.current

        def arrives() -> bool:
            is_next = found.current is not None and found.current is not meant and found.current.n_entries
            return rng.random() < (0.5 if is_next else 0.01)

        return arrives

    async def add_offset(self, log: Any, next_offset: int, note: str, group: str) -> None:
        """Add the frontier to the transaction; nobody asks who the member is."""
        offset = {log.partition: Committed(next_offset, note)}
        await self._change(f"offsets {offset}", lambda: self._open().offsets.update(offset))

    async def commit(self) -> None:
        """Commit; the markers are written later."""

        def run() -> None:
            prepared = self._kafka.prepare(self._id, self._epoch)
            if prepared is not None:
                self._world.counts["transactions"] += 1
                if prepared.n_entries and not prepared.offsets:
                    self._world.fail(f"{self._process.name}: results were committed without their frontier")
                self._world.post(None, "markers", lambda: self._kafka.complete(self._id, prepared))

        await self._change("end transaction", run)

    async def abort(self) -> None:
        """Abort."""
        await self._change("abort", lambda: self._kafka.abort(self._id, self._epoch))

    async def close(self) -> None:
        """Send no more."""
        self._is_closed = True


def _mark_seen(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


@contextmanager
def simulated() -> Iterator[None]:
    """Let the real transactional outbox work with the simulated producer."""
    real = transactions.TransactionalProducer
    transactions.TransactionalProducer = SimTransactionalProducer  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        transactions.TransactionalProducer = real  # type: ignore[misc]
