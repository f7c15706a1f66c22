"""The ports of `streams.ports` over the simulated Kafka, as one process sees them."""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.errors import KafkaConnectionError
from faust.types import TP

from headrace.errors import SnapshotError
from schemas.audit import AuditEvent
from streams.ports import Bounds, Committed, Stored
from streams.topics import CONTROL_TOPIC
from tests.simulation.kafka import Headers

PIPELINE, LOG = "sim", "log"
RESULTS, DEAD = "sim.predictions", "sim.dead"


def broken_connection() -> Exception:
    """Return what a client sees when it does not know whether a request was carried out."""
    return KafkaConnectionError()


def not_stored() -> Exception:
    """Return what a store raises when a snapshot may not have been written."""
    return SnapshotError("not_stored", "a snapshot could not be written")


class SimGroup:
    """The group, as a member of it."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._world = process.world

    async def committed(self, tps: Sequence[TP]) -> dict[TP, Committed]:
        def run() -> dict[TP, Committed]:
            known = self._world.kafka.committed
            return {tp: known.get(tp.partition, Committed(None)) for tp in tps}

        found: dict[TP, Committed] = await self._world.ask(
            self._process, "committed", run, error=broken_connection
        )
        return found

    async def commit(self, offsets: Mapping[TP, Committed]) -> bool:
        process, world = self._process, self._world
        wanted = {tp.partition: offset for tp, offset in offsets.items()}
        generation = process.generation

        def run() -> bool:
            done = world.group.commit(process.name, generation, wanted)
            world.counts["commits" if done else "commits refused"] += 1
            return bool(done)

        accepted: bool = await world.ask(process, f"commit {wanted}", run, error=broken_connection)
        return accepted

    async def bounds(self, tps: Sequence[TP]) -> dict[TP, Bounds]:
        def run() -> dict[TP, Bounds]:
            return {tp: self._world.kafka.logs[tp.partition].bounds() for tp in tps}

        found: dict[TP, Bounds] = await self._world.ask(self._process, "bounds", run, error=broken_connection)
        return found


class SimJournal:
    """The decisions topic, as one process reads and writes it."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._world = process.world

    async def append(self, partition: int, value: bytes) -> int:
        def run() -> int:
            journal = self._world.kafka.journal[partition]
            journal.append(value)
            return len(journal) - 1

        offset: int = await self._world.ask(
            self._process,
            f"journal {partition} {value.decode()}",
            run,
            error=broken_connection,
            is_ready=self._process.lease,
        )
        return offset

    async def read(self, partition: int, start: int) -> list[tuple[int, bytes]]:
        def run() -> list[tuple[int, bytes]]:
            return list(enumerate(self._world.kafka.journal[partition]))[start:]

        found: list[tuple[int, bytes]] = await self._world.ask(
            self._process, "read journal", run, error=broken_connection
        )
        return found


class SimStore:
    """The snapshots topic: a slot is written whole, or torn for a while, or for good."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._world = process.world

    async def write(self, partition: int, slot: str, blob: bytes) -> str:
        process, world = self._process, self._world
        slots, stamps = world.kafka.slots[partition], world.kafka.stamps[partition]
        if world.is_multipart:
            await world.ask(process, f"tear {slot}", lambda: slots.pop(slot, None), is_ready=process.lease)

        def run() -> str:
            world.check_write(process, partition, slot, blob)
            stamps[slot] = world.kafka.next_stamp()
            slots[slot] = Stored(slot, blob)
            world.counts["snapshots"] += 1
            return str(stamps[slot])

        note: str = await world.ask(
            process, f"write {partition} {slot}", run, error=not_stored, is_ready=process.lease
        )
        return note

    async def read(self, partition: int, slots: str = "", note: str = "") -> list[Stored]:
        def run() -> list[Stored]:
            stored, stamps = self._world.kafka.slots[partition], self._world.kafka.stamps[partition]
            since = int(note) if note else 0
            if note and since not in (stamps[slot] for slot in stored):
                return []
            return [s for slot, s in stored.items() if slot.startswith(slots) and stamps[slot] >= since]

        found: list[Stored] = await self._world.ask(
            self._process, f"read snapshots {slots}{note}", run, error=broken_connection
        )
        return found

    async def delete(self, partition: int, slot: str) -> None:
        await self._world.ask(
            self._process, f"delete {slot}", lambda: self._world.kafka.slots[partition].pop(slot, None)
        )


class AnyKey:
    """Stands for the keys that sign commands: who may command is not in question here."""

    def verify(self, key_id: str, content: bytes, mac: bytes) -> None:
        """Accept everything."""


class SimAudit:
    """Stands for `agents.audit.Auditor`, who looks at what is there before he writes."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._world = process.world

    async def say(self, event: AuditEvent) -> None:
        audit = self._world.kafka.audit
        known = await self._world.ask(self._process, "read audit", lambda: {one.id for one in audit})
        if event.id not in known:
            await self._world.ask(
                self._process, f"audit {event.id}", lambda: audit.append(event), is_ready=self._process.lease
            )


class SimReader:
    """Stands for `streams.kafka_ports.TailReader`: the log, the control topic, what was published."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._world = process.world

    async def read(self, topic: str, partition: int, start: int) -> list[Any]:
        return list(
            await self._world.ask(self._process, f"read {topic}", lambda: self._all(topic, partition, start))
        )

    async def start(self, topic: str, partition: int) -> int:
        found: int = await self._world.ask(
            self._process, f"start {topic}", lambda: self._world.kafka.logs[partition].bounds().start
        )
        return found

    async def read_last(self, topic: str, partition: int, n: int) -> list[Any]:
        return await self.read(topic, partition, 0)

    def _all(self, topic: str, partition: int, start: int) -> list[Any]:
        kafka = self._world.kafka
        if topic == LOG:
            return kafka.logs[partition].read(start, sys.maxsize)
        if topic == CONTROL_TOPIC:
            return kafka.control[start:]
        return [entry for entry in kafka.results[partition] if entry.topic == topic]


class SimBatch:
    """Stands for aiokafka's batch builder, as `streams.transport.Batch` uses it."""

    def __init__(self) -> None:
        self._builder = self
        self._relative_offset = 0
        self.records: list[tuple[bytes | None, bytes, Headers]] = []

    def append(
        self, n_records: int, timestamp_ms: int, key: bytes | None, value: bytes, headers: Headers
    ) -> bool:
        self.records.append((key, value, list(headers)))  # written out at once: the list is used again
        return True

    def close(self) -> None:
        """Take no more."""

    def size(self) -> int:
        """Return about how big it is."""
        return len(self.records)

    def __str__(self) -> str:
        return str([value.decode() for _, value, _ in self.records])


class SimProducer:
    """Stands for aiokafka's idempotent producer: what it sends arrives in order, or not at all."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._world = process.world
        self._queues: dict[tuple[str, int], deque[tuple[SimBatch, asyncio.Future[Any]]]] = {}

    def create_batch(self) -> SimBatch:
        return SimBatch()

    async def send_batch(self, batch: SimBatch, topic: str, *, partition: int) -> asyncio.Future[Any]:
        world = self._world
        self._process.require_alive()
        if world.rng.random() < world.back_pressure:
            await world.ask(self._process, "buffer full", lambda: None)
        future = world.loop.create_future()
        queue = self._queues.setdefault((topic, partition), deque())
        queue.append((batch, future))
        if len(queue) == 1:
            self._post(topic, partition)
        return future

    def _post(self, topic: str, partition: int) -> None:
        queue = self._queues[topic, partition]
        batch, future = queue[0]

        def deliver() -> None:
            queue.popleft()
            self._process.publish(topic, partition, batch.records, None)
            if queue and self._process.is_alive:
                self._post(topic, partition)

        name = f"deliver {topic} {partition} {batch}"
        lease, world = self._process.lease, self._world
        world.post(self._process, name, deliver, future, lease or world.is_delivered, is_sent=lease is None)
