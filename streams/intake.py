"""The source partitions that a worker takes in: read from where the group has come, written, then committed.

Nothing is kept beside the committed offset: all before it is in the log, acknowledged. Whoever takes a
partition over begins there anew. See docs/decisions/0012-intake.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import aiokafka
import structlog
from faust.types import TP

from headrace import failpoints
from headrace.errors import HeadraceError, LostRecordsError
from streams.acknowledgements import Acknowledgements
from streams.chunking import Chunk, ChunkSizer
from streams.outbox import Headers
from streams.partition import DRAIN_TIMEOUT_S
from streams.ports import Bounds, Committed, Group
from streams.transport import Batch

log = structlog.get_logger(__name__)

_NO_HEADERS: Headers = []
"""A list: aiokafka takes nothing else."""


class LogOutbox:
    """What one source partition publishes, in order within each partition it goes to.

    Parameters
    ----------
    producer
        Gives the started producer; idempotent, so that what it sends arrives in order or not at all.
    """

    def __init__(self, producer: Callable[[], aiokafka.AIOKafkaProducer]) -> None:
        self._producer = producer
        self._filling: dict[tuple[str, int], Batch] = {}
        self._full: list[tuple[tuple[str, int], Batch]] = []
        self._sent = Acknowledgements()
        self.acknowledged_offset = self._sent.offset
        self.drain = self._sent.drain

    def append(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes,
        timestamp_ms: int,
        headers: Headers = _NO_HEADERS,
    ) -> None:
        """Add one record to the batch of its partition; a batch that is full starts the next."""
        place = topic, partition
        batch = self._filling.get(place)
        if batch is None:
            batch = self._filling[place] = Batch(self._producer())
        if batch.put(batch.n_records, timestamp_ms, key, value, headers) is None:
            self._full.append((place, batch))
            batch = self._filling[place] = Batch(self._producer())
            batch.put(0, timestamp_ms, key, value, headers)
        batch.n_records += 1

    async def send(self, next_offset: int) -> None:
        """Send all batches; they hold what became of the records before *next_offset*."""
        batches = [*self._full, *self._filling.items()]
        self._full, self._filling = [], {}
        producer = self._producer()
        futures = [
            await producer.send_batch(batch.close(), topic, partition=partition)
            for (topic, partition), batch in batches
        ]
        self._sent.expect(next_offset, futures)


class Inlet(Protocol):
    """Turns records of one source partition into those of the log, from where the group has come."""

    def process(self, records: Sequence[Any], outbox: LogOutbox) -> None:
        """Put what *records* become into *outbox*."""
        ...


class IntakePartition:
    """One owned source partition, from its committed offset on."""

    def __init__(self, tp: TP, start: int, inlet: Inlet, outbox: LogOutbox) -> None:
        self.tp = tp
        self.next_offset = start
        self.committed = start
        self.outbox = outbox
        self.sizer = ChunkSizer()
        self._inlet = inlet
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def process(self, chunk: Chunk) -> None:
        """Write what a chunk becomes; what came already is skipped.

        Raises
        ------
        HeadraceError
            If records before the chunk were never delivered; nothing is written then.
        """
        if failpoints.armed:
            failpoints.reach("after_poll")
        async with self._lock:
            if self._is_closed:  # the chunk will be fetched again by the next owner
                return
            if self.next_offset < chunk.follows:
                raise HeadraceError(
                    "records were fetched and never delivered",
                    why=f"taken in up to {self.next_offset}, chunk follows {chunk.follows}",
                )
            records = chunk.since(self.next_offset)
            if not records:
                return
            with self.sizer.measure(len(records)):
                self._inlet.process(records, self.outbox)
            self.next_offset = records[-1].offset + 1
            await self.outbox.send(self.next_offset)
            if failpoints.armed:
                failpoints.reach("after_produce")

    async def close(self) -> None:
        """Finish the chunk in work, take no other, wait until all is acknowledged."""
        async with self._lock:
            self._is_closed = True
            await self.outbox.drain(DRAIN_TIMEOUT_S)


class IntakePartitions:
    """All source partitions of this worker.

    Parameters
    ----------
    group
        The consumer group.
    open_inlet
        Makes the inlet of a partition: a new one each time it is assigned.
    open_outbox
        Makes its outbox.
    accept_lost_records
        Whether to go on, with an alarm, where retention deleted records that were never taken in.
    """

    def __init__(
        self,
        *,
        group: Group,
        open_inlet: Callable[[TP], Inlet],
        open_outbox: Callable[[], LogOutbox],
        accept_lost_records: bool = False,
    ) -> None:
        self._group = group
        self._open_inlet = open_inlet
        self._open_outbox = open_outbox
        self._accept_lost_records = accept_lost_records
        self._owned: dict[TP, IntakePartition] = {}
        self._n_settled = 0
        self._assigning = asyncio.Lock()
        self._committing = asyncio.Lock()

    def __getitem__(self, tp: TP) -> IntakePartition:
        return self._owned[tp]

    def __contains__(self, tp: TP) -> bool:
        return tp in self._owned

    def items(self) -> list[tuple[TP, IntakePartition]]:
        """Return the owned partitions."""
        return list(self._owned.items())

    def positions(self) -> dict[TP, int]:
        """Return the offset at which reading of each partition goes on."""
        return {tp: owned.next_offset for tp, owned in self._owned.items()}

    async def process(self, tp: TP, chunk: Chunk) -> None:
        """Write what a chunk of a partition becomes; one that is not owned any more is left to its owner.

        Raises
        ------
        HeadraceError
            As `IntakePartition.process`.
        """
        owned = self._owned.get(tp)
        if owned is not None:
            await owned.process(chunk)

    async def assign(self, tps: Sequence[TP]) -> None:
        """Own exactly *tps*, each from its committed offset on, kept through the rebalance or not.

        Raises
        ------
        LostRecordsError
            If records were deleted before they were taken in.
        """
        async with self._assigning:  # a rebalance may come while the one before it is still at work
            self._owned = {}
            n_settled = self._n_settled
            if failpoints.armed:
                failpoints.reach("in_assign")
            committed = await self._group.committed(tps) if tps else {}
            bounds = await self._group.bounds(tps) if tps else {}
            starts = {tp: self._start(tp, committed[tp], bounds[tp]) for tp in tps}
            if n_settled == self._n_settled:  # they were not taken away while they were being taken over
                self._owned = {
                    tp: IntakePartition(tp, start, self._open_inlet(tp), self._open_outbox())
                    for tp, start in starts.items()
                }

    def _start(self, tp: TP, committed: Committed, bounds: Bounds) -> int:
        """Return where to begin; where nothing is committed, at the beginning: the fold knows what it has."""
        offset = bounds.start if committed.offset is None else committed.offset
        if offset > bounds.end:
            raise LostRecordsError(
                f"partition {tp.partition} of {tp.topic} ends before what was taken in",
                why=f"offset {offset} is committed and the topic ends at {bounds.end}: it was made anew, "
                "or brokers lost records; new records with old offsets would pass for old ones",
                fix="give the pipeline a new name, or delete its group and its topics and start afresh",
            )
        if offset < bounds.start:
            why = f"offset {offset} is next and the topic begins at {bounds.start}: retention deleted them"
            if not self._accept_lost_records:
                raise LostRecordsError(
                    f"partition {tp.partition} of {tp.topic} has lost records that were never taken in",
                    why=why,
                    fix="keep records longer (retention.ms), and accept the loss: "
                    "HEADRACE_ACCEPT_LOST_RECORDS=true",
                )
            log.error("records_lost_accepted", topic=tp.topic, partition=tp.partition, why=why)
        return max(offset, bounds.start)

    async def settle(self) -> None:
        """Finish chunks, wait for acknowledgements, commit: before partitions are given away."""
        self._n_settled += 1
        owned = self._owned
        await asyncio.gather(*(partition.close() for partition in owned.values()))
        if owned and failpoints.armed:
            failpoints.reach("in_revoke")
        await self.commit()
        if self._owned is owned:
            self._owned = {}

    async def commit(self) -> None:
        """Commit of every partition the offset before which all is acknowledged.

        Raises
        ------
        KafkaError
            If the brokers refused a batch: what follows it must not count as written.
        """
        async with self._committing:
            found = [
                (partition, partition.outbox.acknowledged_offset()) for partition in self._owned.values()
            ]
            due = {one: offset for one, offset in found if offset is not None and offset > one.committed}
            offsets = {one.tp: Committed(offset) for one, offset in due.items()}
            if offsets and await self._group.commit(offsets):
                for partition, offset in due.items():
                    partition.committed = offset
