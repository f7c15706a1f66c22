"""The source partitions that a worker takes in: read from where the group has come, written, then committed.

Nothing is kept beside the committed offset: all before it is in the log, acknowledged. Whoever takes a
partition over begins there anew. See docs/decisions/0012-intake.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import aiokafka
import structlog
from faust.types import TP

from headrace import failpoints
from headrace.errors import HeadraceError, LostRecordsError
from streams.acknowledgements import Acknowledgements
from streams.chunking import TARGET_S, Chunk, ChunkSizer
from streams.merging import Round
from streams.outbox import Headers
from streams.partition import DRAIN_TIMEOUT_S
from streams.ports import Bounds, Committed, Group
from streams.transport import Batch

log = structlog.get_logger(__name__)

_NO_HEADERS: Headers = []
"""A list: aiokafka takes nothing else."""


class LogOutbox:
    """What the source partitions of a worker publish, in order within each partition it goes to.

    Topics are read in rounds of few records each; what all of them become is sent together.

    Parameters
    ----------
    producer
        Gives the started producer; idempotent, so that what it sends arrives in order or not at all.
    """

    def __init__(self, producer: Callable[[], aiokafka.AIOKafkaProducer]) -> None:
        self._producer = producer
        self._filling: dict[tuple[str, int], Batch] = {}
        self._full: deque[tuple[tuple[str, int], Batch]] = deque()
        self._told: dict[Acknowledgements, int] = {}
        # Of the batches that are on their way to the producer: one that is cancelled is gone on with later.
        self._sending: dict[Acknowledgements, int] = {}
        self._futures: list[asyncio.Future[Any]] = []
        self._turn = asyncio.Lock()

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

    def tell(self, sent: Acknowledgements, next_offset: int) -> None:
        """Let *sent* expect what was appended so far: all that its records before *next_offset* became."""
        self._told[sent] = next_offset

    async def send(self) -> None:
        """Send all batches; waits while the producer's buffer for a partition is full."""
        async with self._turn:
            if not (self._filling or self._full or self._sending or self._told):
                return
            self._full.extend(self._filling.items())
            self._filling = {}
            self._sending |= self._told
            self._told = {}
            n_batches, producer = len(self._full), self._producer()
            for _ in range(n_batches):
                (topic, partition), batch = self._full[0]
                self._futures.append(await producer.send_batch(batch.close(), topic, partition=partition))
                self._full.popleft()
            for sent, next_offset in self._sending.items():
                sent.expect(next_offset, self._futures)
            self._sending, self._futures = {}, []


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
        self.sent = Acknowledgements()
        self.sizer = ChunkSizer()
        self.is_closed = False
        """Whether it is given away: chunks will be fetched again by the next owner."""
        self._inlet = inlet
        self._outbox = outbox

    def process(self, chunk: Chunk) -> None:
        """Put what a chunk becomes into the outbox; what came already is skipped.

        Raises
        ------
        HeadraceError
            If records before the chunk were never delivered; nothing is put then.
        """
        if self.is_closed:
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
            self._inlet.process(records, self._outbox)
        self.next_offset = records[-1].offset + 1
        self._outbox.tell(self.sent, self.next_offset)


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
        self._outbox = open_outbox()
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

    async def process(self, chunks: Round) -> None:
        """Write what a round becomes; a chunk of a partition that is not owned any more is left to its owner.

        Raises
        ------
        HeadraceError
            As `IntakePartition.process`.
        """
        if failpoints.armed:
            failpoints.reach("after_poll")
        owned, outbox = self._owned, self._outbox
        began = time.perf_counter()
        for tp, chunk in chunks:
            if tp in owned:
                owned[tp].process(chunk)
            if time.perf_counter() - began > TARGET_S:
                await outbox.send()
                await asyncio.sleep(0)
                if self._owned is not owned:
                    return
                began = time.perf_counter()
        await outbox.send()
        if failpoints.armed:
            failpoints.reach("after_produce")

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
                self._outbox = outbox = self._open_outbox()  # what was put into the old one is read again
                self._owned = {
                    tp: IntakePartition(tp, start, self._open_inlet(tp), outbox)
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
        """Take no other chunk, send, wait for acknowledgements, commit: before partitions are given away.

        What cannot be sent in time is left to the next owner, who begins at what is committed.
        """
        self._n_settled += 1
        owned, outbox = self._owned, self._outbox
        for partition in owned.values():
            partition.is_closed = True
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await outbox.send()
        except TimeoutError:
            log.warning("intake_not_sent_in_time", seconds=DRAIN_TIMEOUT_S, partitions=len(owned))
        await asyncio.gather(*(partition.sent.drain(DRAIN_TIMEOUT_S) for partition in owned.values()))
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
            found = [(partition, partition.sent.offset()) for partition in self._owned.values()]
            due = {one: offset for one, offset in found if offset is not None and offset > one.committed}
            offsets = {one.tp: Committed(offset) for one, offset in due.items()}
            if offsets and await self._group.commit(offsets):
                for partition, offset in due.items():
                    partition.committed = offset
