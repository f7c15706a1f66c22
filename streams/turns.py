"""The decisions of one owned partition: each carried out where it acts, those of today written down first."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
import structlog
from faust.types import TP

from headrace import failpoints
from headrace.errors import HeadraceError, OrderError, SnapshotError
from schemas.commands import OF_PARTITION
from schemas.decisions import Decision, Refused
from streams.decisions import Act, encode
from streams.ports import Journal, SnapshotStore
from streams.recovery import Recovered
from streams.snapshotting import Snapshotter

log = structlog.get_logger(__name__)

MakeBlob = Callable[[int], Awaitable[bytes]]
"""Takes the offset at which a decision acts and returns the snapshot that it names."""


class Turns:
    """What changes the models of a partition from outside, in the order of the log.

    Parameters
    ----------
    recovered
        What `Recovery` found.
    snapshots
        Told what the state has taken in; knows the owner's epoch.
    store
        Where snapshots are that decisions name.
    """

    def __init__(self, tp: TP, recovered: Recovered, snapshots: Snapshotter, store: SnapshotStore) -> None:
        self.timeline = recovered.timeline
        self._tp = tp
        self._processor = recovered.held.processor
        self._snapshots = snapshots
        self._store = store
        self._due: deque[Act] = deque(self.timeline.after(recovered.held.decision))

    @property
    def next_at(self) -> int | None:
        """Offset at which the next decision acts, ``None`` if none is left."""
        return self._due[0].decision.at if self._due else None

    async def take(self, offset: int) -> None:
        """Carry out the decisions that act before the record at *offset* is folded.

        Raises
        ------
        SnapshotError
            If a snapshot that one names cannot be had: without it the state cannot be computed.
        """
        while self._due and self._due[0].decision.at <= offset:
            if self.timeline.is_own(self._due[0]):
                await self._carry_out(self._due[0])
            self._snapshots.decision = self._due.popleft().offset

    async def prepare(self, decision: Decision, make_blob: MakeBlob | None) -> Decision:
        """Return *decision* as it is to be written down for the next record to fold.

        Raises
        ------
        OrderError
            If it cannot be carried out; nothing is written then.
        """
        offset, epoch = self._processor.next_offset, self._snapshots.epoch
        await self.take(offset)
        placed = msgspec.structs.replace(decision, epoch=epoch, at=offset)
        if make_blob is None:
            self._require_possible(placed)
        else:
            blob = await make_blob(offset)
            slot = f"{decision.snapshot}.{epoch}"  # another owner may answer the same command
            placed = msgspec.structs.replace(placed, snapshot=slot)
        if failpoints.armed:
            failpoints.reach("in_command")
        if make_blob is not None:
            await self._store.write(self._tp.partition, placed.snapshot, blob)
        return placed

    async def make(self, journal: Journal, placed: Decision) -> Act | None:
        """Write down what `prepare` returned, and carry it out; ``None`` if the partition was lost meanwhile.

        Raises
        ------
        HeadraceError
            If another worker has taken the partition.
        """
        act = Act(await self.write_down(journal, placed), placed)
        if act not in self.timeline.acts:  # another owner opened an epoch before it
            return None
        if failpoints.armed:
            failpoints.reach("after_decision")
        self._due.append(act)
        await self.take(placed.at)
        return act

    async def write_down(self, journal: Journal, record: Decision | Refused) -> int:
        """Append *record* to the decisions topic and return its offset.

        Raises
        ------
        HeadraceError
            If another worker has taken the partition.
        """
        offset = await journal.append(self._tp.partition, encode(record))
        self.timeline.read(await journal.read(self._tp.partition, self.timeline.next_offset))
        if self.timeline.epoch != self._snapshots.epoch:
            raise HeadraceError(
                f"another worker has taken partition {self._tp.partition} of {self._tp.topic}",
                why=f"its epoch is {self.timeline.epoch}, ours {self._snapshots.epoch}",
                fix="the worker stops so that a supervisor can start it again",
            )
        return offset

    def _require_possible(self, decision: Decision) -> None:
        is_paused = self.timeline.paused_at is not None
        if decision.action not in OF_PARTITION:
            self._processor.require_possible(decision)
        elif is_paused == (decision.action == "pause"):
            raise OrderError(f"the partition is {'paused already' if is_paused else 'not paused'}")

    async def _carry_out(self, act: Act) -> None:
        decision = act.decision
        if decision.snapshot:
            self._processor.adopt_models([await self._pinned(decision)])
        elif decision.action not in OF_PARTITION:
            self._order(act)

    def _order(self, act: Act) -> None:
        """Do what was possible when it was written down; to the models of another version it may not be."""
        try:
            self._processor.carry_out(act.decision)
        except OrderError as error:
            log.warning(
                "decision_changes_nothing",
                topic=self._tp.topic,
                partition=self._tp.partition,
                id=act.decision.id,
                action=act.decision.action,
                why=error.what,
            )

    async def _pinned(self, decision: Decision) -> bytes:
        slot = decision.snapshot
        for stored in await self._store.read(self._tp.partition, slot):
            if stored.slot == slot:
                self._require_fit(stored.blob, decision)
                return stored.blob
        raise SnapshotError(
            "missing_pin",
            f"the snapshot {slot} that decision {decision.id} refers to is not there",
            why=f"partition {self._tp.partition} of {self._tp.topic} cannot be computed beyond offset "
            f"{decision.at} without it",
            fix="headrace snapshot restore TARGET FOLDER, from a backup that holds it",
        )

    def _require_fit(self, blob: bytes, decision: Decision) -> None:
        header = self._processor.header_of(blob)
        if any(first < header.next_offset for first, _ in self.timeline.forgotten(header.decision)):
            raise SnapshotError(
                "holds_unlearned",
                f"decision {decision.id} goes back to models that hold what was unlearned since",
                why=f"partition {self._tp.partition}: another version of the pipeline was made to forget it",
                fix="raise the version of the pipeline: a new one has no decisions of its own",
            )
