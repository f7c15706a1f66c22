"""One owned log partition: chunks in, results out, decisions taken in where they act, snapshots."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from faust.types import TP

from headrace import failpoints, mutants
from headrace.errors import HeadraceError, SnapshotError
from schemas.decisions import Decision, Refused
from streams.choosing import Held
from streams.chunking import Chunk, ChunkSizer
from streams.decisions import Act, encode
from streams.ports import Journal, Outbox, SnapshotStore
from streams.recovery import Recovered
from streams.snapshotting import Snapshotter, Written

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
    """

    def __init__(
        self,
        tp: TP,
        recovered: Recovered,
        outbox: Outbox,
        snapshots: Snapshotter,
        store: SnapshotStore,
        *,
        on_replayed: Callable[[TP, int], None],
    ) -> None:
        self.tp = tp
        self.processor = recovered.held.processor
        self.outbox = outbox
        self.snapshots = snapshots
        self.epoch = recovered.epoch
        self.timeline = recovered.timeline
        self.emit_from = recovered.frontier
        self.committed = recovered.frontier
        self.note = recovered.note
        self.sizer = ChunkSizer()
        self.replay_from = self.processor.next_offset
        self._store = store
        self._on_replayed = on_replayed
        self._acts: deque[Act] = deque(self.timeline.after(recovered.held.decision))
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
                raise HeadraceError(
                    "records were fetched and never delivered",
                    why=f"state at {self.processor.next_offset}, chunk follows {chunk.follows}",
                )
            self._waits_for_rewind = False
            records = chunk.since(self.processor.next_offset)
            while records:
                records = await self._fold(records)

    async def _fold(self, records: Sequence[Any]) -> Sequence[Any]:
        """Fold the first of *records* that are alike, silent or live, up to a decision; return the rest."""
        first = records[0].offset
        await self._take_in(first)
        rest: Sequence[Any] = ()
        ends = [act.decision.at for act in list(self._acts)[:1]]
        if first < self.emit_from:
            ends.append(self.emit_from)
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

    async def _take_in(self, offset: int) -> None:
        """Carry out the decisions that act before the record at *offset* is folded."""
        while self._acts and self._acts[0].decision.at <= offset:
            if self.timeline.is_own(self._acts[0]):
                await self.adopt(self._acts[0])
            self.snapshots.decision = self._acts.popleft().offset

    async def adopt(self, act: Act) -> None:
        """Let the models become what *act* decided.

        Raises
        ------
        SnapshotError
            If the snapshot it names cannot be had: without it the state cannot be computed.
        """
        slot = act.decision.snapshot
        found = [stored for stored in await self._store.read(self.tp.partition, slot) if stored.slot == slot]
        if not found:
            raise SnapshotError(
                "missing_pin",
                f"the snapshot {slot} that decision {act.decision.id} refers to is not there",
                why=f"partition {self.tp.partition} of {self.tp.topic} cannot be computed beyond offset "
                f"{act.decision.at} without it",
                fix="headrace snapshot restore TARGET FOLDER, from a backup that holds it",
            )
        self._require_fit(found[0].blob, act)
        self.processor.adopt_models([found[0].blob])

    def _require_fit(self, blob: bytes, act: Act) -> None:
        header = self.processor.header_of(blob)
        if any(first < header.next_offset for first, _ in self.timeline.forgotten(header.decision)):
            raise SnapshotError(
                "holds_unlearned",
                f"decision {act.decision.id} goes back to models that hold what was unlearned since",
                why=f"partition {self.tp.partition}: another version of the pipeline was made to forget it",
                fix="raise the version of the pipeline: a new one has no decisions of its own",
            )

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
        self, journal: Journal, decision: Decision, make_blob: Callable[[int], Awaitable[bytes]]
    ) -> Act | None:
        """Write *decision* down for the next record to fold, and carry it out; only if `may_decide`.

        *make_blob* takes that record's offset and returns the snapshot to pin. ``None`` if the partition was
        lost meanwhile.
        """
        async with self._lock:
            if self._is_closed:
                return None
            next_offset = self.processor.next_offset
            blob = await make_blob(next_offset)
            if failpoints.armed:
                failpoints.reach("in_command")
            placed = msgspec.structs.replace(
                decision,
                epoch=self.epoch,
                at=next_offset,
                snapshot=f"{decision.snapshot}.{self.epoch}",  # another owner may answer the same command
            )
            await self._store.write(self.tp.partition, placed.snapshot, blob)
            try:
                act = Act(await self._write_down(journal, placed), placed)
            except BaseException:  # it may be written: whoever recovers the partition will know
                self.give_up()
                raise
            if act not in self.timeline.acts:  # another owner opened an epoch before it
                return None
            self._acts.append(act)
            await self._take_in(next_offset)
            return act

    async def refuse(self, journal: Journal, command_id: str, reason: str) -> None:
        """Write down that a command is not carried out."""
        async with self._lock:
            if not self._is_closed:
                await self._write_down(journal, Refused(command_id, self.epoch, reason))

    async def _write_down(self, journal: Journal, record: Decision | Refused) -> int:
        offset = await journal.append(self.tp.partition, encode(record))
        self.timeline.read(await journal.read(self.tp.partition, self.timeline.next_offset))
        if self.timeline.epoch != self.epoch:
            raise HeadraceError(
                f"another worker has taken partition {self.tp.partition} of {self.tp.topic}",
                why=f"its epoch is {self.timeline.epoch}, ours {self.epoch}",
                fix="the worker stops so that a supervisor can start it again",
            )
        return offset

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
