"""When a partition's state is written down, in which slot, and what it may cost."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import structlog
from faust.types import TP

from headrace import failpoints, mutants
from headrace.errors import SnapshotError
from schemas.snapshots import SnapshotHeader
from streams.choosing import Held
from streams.ports import Capture, Processor, SnapshotStore

log = structlog.get_logger(__name__)

LIVE = "live-"
KEPT = "keep-"
ADVANCE_S = 0.01
"""A capture works for this long at a time between chunks."""

COST_SHARE = 0.05
"""At most this share of a worker's time goes into snapshots; their interval stretches beyond."""


class Cadence(msgspec.Struct, frozen=True):
    """How often: after so many seconds or events, whichever comes first; every n-th is kept for rollback."""

    interval_s: float = 10.0
    events: int = 100_000
    keep_every: int = 60
    keep: int = 10


class CostCeiling:
    """Shares `COST_SHARE` of a worker's time among the snapshots of its partitions."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free_at = clock()

    @property
    def is_reached(self) -> bool:
        """Whether the next snapshot has to wait."""
        return self._clock() < self._free_at

    def spent(self, cost_s: float) -> None:
        """Take in what a snapshot cost."""
        self._free_at = max(self._free_at, self._clock()) + cost_s / COST_SHARE


class Written(NamedTuple):
    """A snapshot that is stored, what it took, and the note by which it is found."""

    header: SnapshotHeader
    note: str
    size_bytes: int
    cost_s: float


class Snapshotter:
    """Writes down the state of one partition: captures it, waits for the frontier, then stores it.

    A state is stored only after everything before its offset is committed. So whoever takes the partition
    over finds no snapshot ahead of the frontier, and none of a worker that had lost the partition.

    Parameters
    ----------
    held
        The state and where it comes from.
    epoch
        Of the owner.

    Attributes
    ----------
    decision
        Offset of the decision the state took in last, -1 if none.
    last
        Header of the snapshot stored last, or that the state came from.
    cost_s
        Processor time of the last capture.
    is_writing
        Whether a snapshot is on its way to the store: what the next may leave out depends on what becomes
        of it.
    """

    def __init__(  # noqa: PLR0913 - what an owner knows
        self,
        tp: TP,
        held: Held,
        store: SnapshotStore,
        *,
        epoch: int,
        cadence: Cadence,
        ceiling: CostCeiling,
        clock: Callable[[], float] = time.monotonic,
        on_failed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tp = tp
        self._processor: Processor = held.processor
        self._store = store
        self.epoch = epoch
        self._cadence = cadence
        self._ceiling = ceiling
        self._clock = clock
        self._on_failed = on_failed
        self.decision = held.decision
        self.last = held.snapshot
        self.cost_s = 0.0 if held.snapshot is None else held.snapshot.dump_s
        self._sequence = -1 if held.snapshot is None else held.snapshot.sequence
        self._captured_offset = -1 if held.snapshot is None else held.snapshot.next_offset
        self._due_at = clock() + cadence.interval_s * (0.5 + (tp.partition % 8) / 16)  # in turn
        self._capture: Capture | None = None
        self._captured_decision = -1
        self._ready: deque[tuple[Capture, SnapshotHeader, bytes]] = deque(maxlen=1)
        self.is_writing = False

    @property
    def is_due(self) -> bool:
        """Whether the state has moved on for long enough since it was written down last."""
        moved = self._processor.next_offset - max(0, self._captured_offset)
        if moved <= 0 or self._capture is not None or self._ready or self.is_writing:
            return False
        return moved >= self._cadence.events or self._clock() >= self._due_at

    @property
    def n_behind(self) -> int:
        """Offsets that the snapshot stored last is behind the state."""
        return self._processor.next_offset - (0 if self.last is None else self.last.next_offset)

    @property
    def is_dirty(self) -> bool:
        """Whether the state has moved on since the snapshot that was written last, if any was."""
        moved_to = -1 if self.last is None else self.last.next_offset
        taken_in = -1 if self.last is None else self.last.decision
        return self._processor.next_offset > max(0, moved_to) or self.decision > taken_in

    def may_store(self, committed: int) -> bool:
        """Return whether a snapshot is ready whose records are all committed."""
        return bool(self._ready) and self._ready[0][1].next_offset <= committed and not self.is_writing

    @property
    def overdue_s(self) -> float:
        """For how long it has been due, by the clock."""
        return self._clock() - self._due_at

    def begin(self) -> None:
        """Capture the state as it is now; only between chunks."""
        self._due_at = self._clock() + self._cadence.interval_s
        self._captured_offset = self._processor.next_offset
        self._captured_decision = self.decision
        try:
            self._capture = self._processor.capture(whole=self._is_kept)
        except SnapshotError as error:
            self._failed(error)

    def advance(self, budget_s: float = ADVANCE_S) -> bool:
        """Go on with a capture; return whether there is none left to go on with."""
        capture = self._capture
        if capture is None:
            return True
        try:
            if not capture.advance(budget_s):
                return False
            header, blob = capture.blob(self._facts(capture))
        except SnapshotError as error:
            capture.close(written=False)
            self._failed(error)
        else:
            self._ready.append((capture, header, blob))
        self.cost_s = capture.cost_s
        self._ceiling.spent(capture.cost_s)
        self._capture = None
        return True

    async def store(self, committed: int) -> Written | None:
        """Store what is captured, if all before it is committed; return it if so."""
        if self.is_writing or not self._ready:
            return None
        if self._ready[0][1].next_offset > committed and not mutants.active("snapshot_before_commit"):
            return None
        if failpoints.armed:
            failpoints.reach("before_snapshot_write")
        capture, header, blob = self._ready.popleft()
        is_written = False
        self.is_writing = True
        try:
            note = await self._put(header, blob)
            is_written = True
        except SnapshotError as error:
            self._failed(error)
            return None
        finally:
            self.is_writing = False
            capture.close(written=is_written)
        if failpoints.armed:
            failpoints.reach("after_snapshot_write")
        self._sequence, self.last = header.sequence, header
        return Written(header, note, len(blob), capture.cost_s)

    async def _put(self, header: SnapshotHeader, blob: bytes) -> str:
        """Write into the slots that are due, the kept one first: a live slot that is written counts."""
        started, partition = self._clock(), self._tp.partition
        if self._is_kept:
            kept = (header.sequence + 1) // self._cadence.keep_every % self._cadence.keep
            await self._store.write(partition, f"{KEPT}{kept}", blob)
        note = await self._store.write(partition, self._slot(header.sequence), blob)
        log.debug(
            "snapshot_written",
            topic=self._tp.topic,
            partition=partition,
            snapshot=header.id,
            size_bytes=len(blob),
            write_s=round(self._clock() - started, 4),
        )
        return note

    async def idle(self) -> None:
        """Wait until nothing is on its way to the store: the next capture builds on what becomes of it."""
        while self.is_writing:  # noqa: ASYNC110 - seldom, and short
            await asyncio.sleep(0.01)

    def abandon(self) -> None:
        """Give up what is not stored yet."""
        for capture in (self._capture, *(ready[0] for ready in self._ready)):
            if capture is not None:
                capture.close(written=False)
        self._capture = None
        self._ready.clear()

    @property
    def _is_kept(self) -> bool:
        return bool(self._cadence.keep) and (self._sequence + 2) % self._cadence.keep_every == 0

    def _facts(self, capture: Capture) -> dict[str, object]:
        previous = self.last.id if capture.reaches_back and self.last is not None else ""
        return {
            "epoch": self.epoch,
            "decision": self._captured_decision,
            "sequence": self._sequence + 1,
            "previous": previous,
        }

    def _slot(self, sequence: int) -> str:
        return f"{LIVE}{sequence % (self._processor.live_slots)}"

    def _failed(self, error: SnapshotError) -> None:
        self._capture = None
        self._on_failed(error.reason)
        log.error(
            "snapshot_failed",
            topic=self._tp.topic,
            partition=self._tp.partition,
            reason=error.reason,
            why=error.why or error.what,
        )
