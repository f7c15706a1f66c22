"""One owned log partition: chunks in, results out, decisions taken in where they act, snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from faust.types import TP

from headrace import failpoints, mutants
from headrace.errors import HeadraceError
from schemas.decisions import Decision, Refused
from streams.choosing import Held
from streams.chunking import Chunk, ChunkSizer
from streams.decisions import Act
from streams.ports import Journal, Outbox, SnapshotStore
from streams.recovery import Recovered
from streams.snapshotting import Snapshotter, Written
from streams.turns import MakeBlob, Turns

DRAIN_TIMEOUT_S = 8.0
"""At a rebalance or shutdown, how long to wait for acknowledgements before giving the partition up."""

LAST_CAPTURE_S = 4.0
"""At a rebalance or shutdown, how long a last snapshot may take; without it the next owner replays more."""

QUICK_CAPTURE_S = 0.05
"""A state that takes no more processor time than this is always captured when its partition is given away."""


class Partition:
    """One owned log partition.

    Parameters
    ----------
    recovered
        What `Recovery` found.
    snapshots
        Writes its state down.
    on_replayed
        Told how many offsets were replayed, when the state has reached the frontier.
    confirm
        Makes sure that a partition is still ours, before anything is decided for it.
    """

    def __init__(  # noqa: PLR0913 - ports
        self,
        tp: TP,
        recovered: Recovered,
        outbox: Outbox,
        snapshots: Snapshotter,
        store: SnapshotStore,
        *,
        on_replayed: Callable[[TP, int], None],
        confirm: Callable[[Partition], Awaitable[bool]],
    ) -> None:
        self.tp = tp
        self.processor = recovered.held.processor
        self.outbox = outbox
        self.snapshots = snapshots
        self.timeline = recovered.timeline
        self.emit_from = recovered.frontier
        self.committed = recovered.frontier
        self.note = recovered.note
        self.sizer = ChunkSizer()
        self.replay_from = self.processor.next_offset
        self._turns = Turns(tp, recovered, snapshots, store)
        self._on_replayed = on_replayed
        self._confirm = confirm
        self._handover = recovered.handover
        self._lock = asyncio.Lock()
        self._is_closed = False
        self._waits_for_rewind = False
        self.is_settled = False
        """Whether all it did is committed: nothing may be committed for it from here on."""

    @property
    def held(self) -> Held:
        """The state, for whoever owns the partition next in this process."""
        return Held(self.processor, self.epoch, self.snapshots.decision, self.snapshots.last)

    @property
    def epoch(self) -> int:
        """The owner's epoch."""
        return self.snapshots.epoch

    @property
    def is_paused(self) -> bool:
        """Whether no record is to be folded until an operator says so; what replay needs still is."""
        return self._is_to_wait(self.processor.next_offset)

    @property
    def in_flight(self) -> int:
        """Records folded whose results are not acknowledged yet."""
        done = self.outbox.acknowledged_offset()
        return max(0, self.processor.next_offset - (self.emit_from if done is None else done))

    @property
    def to_replay(self) -> int:
        """Offsets between the state and the frontier."""
        return max(0, self.emit_from - self.processor.next_offset)

    @property
    def is_replaying(self) -> bool:
        """Whether the state is still behind the frontier."""
        return self.processor.next_offset < self.emit_from

    async def process(self, chunk: Chunk) -> None:
        """Fold a chunk and send its results; records before the frontier are replayed silently.

        Raises
        ------
        HeadraceError
            If records between the state and the chunk were never delivered; nothing is folded then.
        """
        if failpoints.armed:
            failpoints.reach("after_poll")
        async with self._lock:
            if self._is_closed:  # the chunk will be fetched again by the next owner
                return
            if self.processor.next_offset < chunk.follows:
                if self._waits_for_rewind:  # fetched before reading went back
                    return
                if self._is_to_wait(chunk.follows):
                    return
                raise HeadraceError(
                    "records were fetched and never delivered",
                    why=f"state at {self.processor.next_offset}, chunk follows {chunk.follows}",
                )
            self._waits_for_rewind = False
            records = chunk.since(self.processor.next_offset)
            while records:
                records = await self._fold(records)

    def _is_to_wait(self, offset: int) -> bool:
        """Return whether the record at *offset* is not to be folded until an operator says so."""
        paused_at = self.timeline.paused_at
        return paused_at is not None and offset >= paused_at

    async def _fold(self, records: Sequence[Any]) -> Sequence[Any]:
        """Fold the first of *records* that are alike, silent or live, up to a decision; return the rest."""
        first = records[0].offset
        await self._turns.take(first)
        if self._is_to_wait(first):
            return ()
        rest: Sequence[Any] = ()
        bounds = (self._turns.next_at, self.timeline.paused_at, self.emit_from)
        ends = [bound for bound in bounds if bound is not None and bound > first]
        if ends and records[-1].offset >= min(ends):
            n = sum(record.offset < min(ends) for record in records)
            records, rest = records[:n], records[n:]
        is_silent = first < self.emit_from
        outbox = None if is_silent and not mutants.active("loud_replay") else self.outbox
        if records:
            with self.sizer.measure(len(records)):
                self._handover.process(self.processor, records, outbox)
        if is_silent:
            if not self.is_replaying:
                self._on_replayed(self.tp, self.emit_from - self.replay_from)
        else:
            await self.outbox.send(self.processor.next_offset)
            if failpoints.armed:
                failpoints.reach("after_produce")
        return rest

    async def commit_transaction(self) -> None:
        """Commit results and frontier in one transaction, if there is anything to commit."""
        offset = await self.outbox.commit(self.note)
        if offset is not None:
            self.committed = offset

    async def store_snapshot(self) -> Written | None:
        """Store the snapshot that is ready, if the frontier has come so far; return it if so."""
        written = await self.snapshots.store(self.committed)
        if written is not None:
            self.note = written.note
        return written

    def may_decide(self, not_before: int) -> bool:
        """Return whether a decision may act at the next record to fold.

        Not before a decision that is still to come, and not before *not_before*, the offset after the last
        result that anybody published: what was published must come out the same again.
        """
        next_offset = self.processor.next_offset
        return not self._is_closed and max(self.timeline.place_for(0), not_before) <= next_offset

    async def decide(
        self, journal: Journal, decision: Decision, make_blob: MakeBlob | None = None
    ) -> Act | None:
        """Write *decision* down for the next record to fold, and carry it out; only if `may_decide`.

        *make_blob* takes that record's offset and returns the snapshot to pin, for one that names a snapshot.
        ``None`` if the partition was lost meanwhile.

        Raises
        ------
        OrderError
            If it cannot be carried out as things stand; nothing is written then.
        """
        async with self._lock:
            if self._is_closed or not await self._confirm(self):
                return None
            placed = await self._turns.prepare(decision, make_blob)
            try:
                act = await self._turns.make(journal, placed)
            except BaseException:  # it may be written: whoever recovers the partition will know
                self.give_up()
                raise
            if placed.action == "resume":
                self._waits_for_rewind = True  # what was fetched meanwhile was not folded
            return act

    async def refuse(self, journal: Journal, command_id: str, reason: str) -> None:
        """Write down that a command is not carried out."""
        async with self._lock:
            if not self._is_closed:
                await self._turns.write_down(journal, Refused(command_id, self.epoch, reason))

    async def close(self) -> None:
        """Finish the chunk in work, take no other, wait until its results are acknowledged."""
        async with self._lock:
            if not self._is_closed:
                self._is_closed = True
                await self._last_capture()
            await self.outbox.drain(DRAIN_TIMEOUT_S)

    def await_rewind(self) -> None:
        """Take no chunk that does not follow the state: reading is on its way back to it."""
        self._waits_for_rewind = True

    def give_up(self) -> None:
        """Take no other chunk: what it did since the last commit is void."""
        self._is_closed = True
        self.snapshots.abandon()

    async def _last_capture(self) -> None:
        """Capture the state in which the partition is given away, a large one unless to replay costs less."""
        replay_s = self.snapshots.n_behind * self.sizer.cost_s
        if not self.snapshots.is_dirty or max(replay_s, QUICK_CAPTURE_S) < self.snapshots.cost_s:
            return
        await self.snapshots.idle()
        self.snapshots.abandon()
        self.snapshots.begin()
        deadline = asyncio.get_running_loop().time() + LAST_CAPTURE_S
        while not self.snapshots.advance():
            if asyncio.get_running_loop().time() > deadline:
                self.snapshots.abandon()
                return
            await asyncio.sleep(0.002)
