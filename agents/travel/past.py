"""The past of one partition: snapshots, decisions, and the states that can be reached from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from agents.travel.passage import Passage, Turn
from headrace.errors import LostRecordsError, SnapshotError
from schemas.commands import OF_PARTITION
from schemas.snapshots import SnapshotHeader
from streams.choosing import PINNED, age, chain
from streams.decisions import Timeline


class Snapshot(NamedTuple):
    """A snapshot whose seal is intact, and why it must not be used, as a code, if so."""

    slot: str
    header: SnapshotHeader
    blob: bytes
    fault: str | None = None

    @property
    def is_pinned(self) -> bool:
        """Whether a decision refers to it; it is of another history than the states around it."""
        return self.slot.startswith(PINNED)


class Refusal(NamedTuple):
    """What lies in a slot and is no snapshot of this pipeline."""

    slot: str
    size_bytes: int
    reason: str
    why: str


class Origin(NamedTuple):
    """Where a fold begins: an offset, the last decision taken in, and the snapshot, whole, if it is one."""

    offset: int
    decision: int = -1
    blobs: tuple[bytes, ...] = ()
    snapshot: str = ""


class Past(NamedTuple):
    """What there is of one partition; ``committed`` is the frontier, ``None`` if nothing is committed."""

    partition: int
    log_start: int
    log_end: int
    committed: int | None
    timeline: Timeline
    journal: list[tuple[int, bytes]]
    snapshots: list[Snapshot]
    refused: list[Refusal]

    @property
    def last_decision(self) -> int:
        """Journal offset of the last decision that counts, -1 if there is none."""
        return self.timeline.acts[-1].offset if self.timeline.acts else -1

    def last_decision_before(self, offset: int) -> int:
        """Return the journal offset of the last decision that a state at *offset* has taken in, or -1."""
        return max((act.offset for act in self.timeline.acts if act.decision.at <= offset), default=-1)

    @property
    def fold_start(self) -> int:
        """Offset at which the fold began."""
        found = self.timeline.log_start
        return self.log_start if found is None else found

    @property
    def usable(self) -> list[Snapshot]:
        """The snapshots that recovery may use, the live state last; each once, and whole."""
        good = [s for s in self.snapshots if s.fault is None and not s.is_pinned]
        by_id = {s.header.id: s for s in good if self.parts(s)}
        return sorted(by_id.values(), key=lambda s: age(s.header))

    def parts(self, snapshot: Snapshot) -> tuple[bytes, ...]:
        """Return what *snapshot* adds to, oldest first, and itself; nothing if some of it is not there."""
        blobs = {s.header.id: (s.header, s.blob) for s in self.snapshots if not s.is_pinned}
        return tuple(chain(snapshot.header, blobs) or ())

    def beginning(self) -> Origin | None:
        """Return the state before any record, ``None`` if records that the fold began with are gone."""
        return None if self.log_start > self.fold_start else Origin(self.log_start)

    def at(self, snapshot: Snapshot) -> Origin:
        """Return the state of *snapshot*."""
        header = snapshot.header
        return Origin(header.next_offset, header.decision, self.parts(snapshot), header.id)

    def origin(self, offset: int, among: Sequence[Snapshot] | None = None) -> Origin:
        """Return the latest state on the way to *offset*, of the snapshots *among* which it may be.

        Raises
        ------
        LostRecordsError
            If there is none that knows all records.
        """
        for found in reversed(self.usable if among is None else among):
            if self.log_start <= found.header.next_offset <= offset:
                return self.at(found)
        if (beginning := self.beginning()) is not None:
            return beginning
        raise LostRecordsError(
            f"partition {self.partition} has lost records that its models have learned from",
            why=f"the fold began at {self.fold_start}, the log begins at {self.log_start}, "
            f"and no snapshot between {self.log_start} and {offset} can be used",
            fix="headrace snapshot restore TARGET FOLDER, from a backup that holds one",
        )

    def passage(self, stop: int, origin: Origin | None = None, **more: Any) -> Passage:
        """Return the fold up to *stop*, with the decisions on the way, from the latest state before it.

        *origin* is another state to begin with; *more* is what else the passage has to do.
        """
        begin = origin or self.origin(stop)
        turns = tuple(turn for turn in self.turns(begin.decision) if turn.at <= stop)
        forgotten = tuple(self.timeline.forgotten())
        return Passage(
            self.partition, begin.offset, stop, blobs=begin.blobs, turns=turns, excluded=forgotten, **more
        )

    def turns(self, after: int) -> tuple[Turn, ...]:
        """Return the decisions that come after the one at *after*, with the snapshots they refer to.

        Raises
        ------
        SnapshotError
            If such a snapshot is not there: without it no state beyond can be computed.
        """
        pins = {s.slot: s for s in self.snapshots}
        found = []
        for act in filter(self.timeline.is_own, self.timeline.after(after)):
            decision = act.decision
            if decision.action in OF_PARTITION:
                continue
            if not decision.snapshot:
                found.append(Turn(decision.at, act.offset, order=decision))
                continue
            if decision.snapshot not in pins:
                raise SnapshotError(
                    "missing_pin",
                    f"the snapshot {decision.snapshot} that decision {decision.id} refers to is not there",
                    why=f"partition {self.partition} cannot be folded beyond offset {decision.at} without it",
                    fix="headrace snapshot restore TARGET FOLDER, from a backup that holds it",
                )
            found.append(Turn(decision.at, act.offset, pins[decision.snapshot].blob))
        return tuple(found)
