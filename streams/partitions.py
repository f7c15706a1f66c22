"""The partitions a worker owns: their processors, their frontier, and what happens at a rebalance.

Frontier = committed group offset = everything before it has its results acknowledged by the broker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import structlog
from faust.types import TP

from headrace.errors import HeadraceError
from streams.chunking import Chunk, ChunkSizer
from streams.outbox import Outbox
from streams.transport import Commit

log = structlog.get_logger(__name__)

DRAIN_TIMEOUT_S = 8.0
"""At a rebalance or shutdown, how long to wait for acknowledgements before giving the partition up."""


class Processor(Protocol):
    """Folds the records of one partition; what the streams know of a model."""

    next_offset: int

    def process(self, records: Sequence[Any], outbox: Outbox | None) -> None:
        """Fold *records*; put the results into *outbox*, or be silent if it is ``None`` (replay)."""
        ...


class Partition:
    """One owned log partition."""

    def __init__(self, processor: Processor, outbox: Outbox, emit_from: int) -> None:
        self.processor = processor
        self.outbox = outbox
        self.emit_from = emit_from
        self.committed = emit_from
        self.sizer = ChunkSizer()
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def process(self, chunk: Chunk) -> None:
        """Fold a chunk and send its results; records before the frontier are replayed silently.

        Raises
        ------
        HeadraceError
            If records between the state and the chunk were never delivered; nothing is folded then.
        """
        async with self._lock:
            if self._is_closed:  # the chunk will be fetched again by the next owner
                return
            if self.processor.next_offset < chunk.follows:
                raise HeadraceError(
                    "records were fetched and never delivered",
                    why=f"state at {self.processor.next_offset}, chunk follows {chunk.follows}",
                )
            records = chunk.since(self.processor.next_offset)
            if not records:
                return
            first_live = 0
            if records[0].offset < self.emit_from:
                first_live = sum(record.offset < self.emit_from for record in records)
                self.processor.process(records[:first_live], None)
            if first_live < len(records):
                with self.sizer.measure(len(records) - first_live):
                    self.processor.process(records[first_live:], self.outbox)
                await self.outbox.send(self.processor.next_offset)

    async def close(self) -> None:
        """Finish the chunk in work, take no other, wait until its results are acknowledged."""
        async with self._lock:
            self._is_closed = True
            await self.outbox.drain(DRAIN_TIMEOUT_S)

    @property
    def in_flight(self) -> int:
        """Records folded whose results are not acknowledged yet."""
        done = self.outbox.acknowledged_offset()
        return max(0, self.processor.next_offset - (self.emit_from if done is None else done))

    @property
    def is_replaying(self) -> bool:
        """Whether the state is still behind the frontier."""
        return self.processor.next_offset < self.emit_from


class Partitions:
    """All log partitions of this worker.

    Parameters
    ----------
    open_processor
        Makes the processor of a newly assigned partition.
    open_outbox
        Makes its outbox.
    commit
        Commits offsets to the group.

    """

    def __init__(
        self,
        open_processor: Callable[[TP], Processor],
        open_outbox: Callable[[TP], Outbox],
        commit: Commit,
    ) -> None:
        self._open_processor = open_processor
        self._open_outbox = open_outbox
        self._commit = commit
        self._owned: dict[TP, Partition] = {}
        self._committing = asyncio.Lock()

    def __getitem__(self, tp: TP) -> Partition:
        return self._owned[tp]

    def __contains__(self, tp: TP) -> bool:
        return tp in self._owned

    def items(self) -> list[tuple[TP, Partition]]:
        """Return the owned partitions."""
        return list(self._owned.items())

    def positions(self) -> dict[TP, int]:
        """Return the offset at which reading of each partition goes on."""
        return {tp: owned.processor.next_offset for tp, owned in self._owned.items()}

    def assign(self, committed: Mapping[TP, int | None], earliest: Mapping[TP, int]) -> None:
        """Own exactly the partitions of *committed*; each emits from its committed offset on.

        A partition kept through the rebalance keeps its state unless results may be missing, that is unless
        the state is ahead of the frontier: then it is folded again.
        """
        before, self._owned = self._owned, {}
        for tp, offset in committed.items():
            start = earliest.get(tp) or 0
            frontier = max(offset or 0, start)
            kept = before.get(tp)
            if kept is not None and kept.processor.next_offset <= frontier:
                processor = kept.processor
            else:
                processor = self._open_processor(tp)
                processor.next_offset = start
                if start > 0:
                    log.warning(
                        "log_start_deleted",
                        topic=tp.topic,
                        partition=tp.partition,
                        start=start,
                    )
            self._owned[tp] = Partition(processor, self._open_outbox(tp), frontier)
            log.info(
                "partition_assigned",
                topic=tp.topic,
                partition=tp.partition,
                next_offset=processor.next_offset,
                frontier=frontier,
                kept=kept is not None,
            )

    async def settle(self) -> None:
        """Finish chunks, wait for acknowledgements, commit: before partitions are given away."""
        await asyncio.gather(*(owned.close() for owned in self._owned.values()))
        await self.commit()

    async def commit(self) -> None:
        """Commit the frontier of every partition whose results went on being acknowledged."""
        async with self._committing:
            offsets: dict[TP, int] = {}
            for tp, owned in self._owned.items():
                offset = owned.outbox.acknowledged_offset()
                if offset is not None and offset > owned.committed:
                    offsets[tp] = offset
            if offsets and await self._commit(offsets):
                for tp, offset in offsets.items():
                    if tp in self._owned:
                        self._owned[tp].committed = offset
