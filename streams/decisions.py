"""What the decisions topic says of one partition: its epochs, and what changed its models from outside."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import msgspec

from headrace import mutants
from schemas.commands import OF_PARTITION
from schemas.decisions import Decision, Epoch, JournalRecord, Refused
from schemas.snapshots import SnapshotHeader

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(JournalRecord)


class Act(NamedTuple):
    """A decision that counts, and its offset in the decisions topic."""

    offset: int
    decision: Decision


class Reply(NamedTuple):
    """What was answered to a command, where, and how many decisions the partition had had then, with it."""

    offset: int
    record: Decision | Refused
    n_decided: int


class Timeline:
    """Reads the records of one partition of the decisions topic, in order.

    A decision counts if its epoch is the newest one before it: that of an owner who lost the partition and
    does not know it comes after the epoch of the next owner, and is void.

    Parameters
    ----------
    version
        Of the pipeline whose states are judged: decisions of other versions change nothing of theirs, but
        that what was unlearned is unlearned. 0: decisions are of no version.

    Attributes
    ----------
    next_offset
        Offset of the next record to read.
    epoch
        Offset of the newest epoch record, -1 if there is none.
    acts
        Decisions that count, in order; their ``at`` never goes down.
    answered
        Commands that are decided or refused, by id.
    paused_at
        Offset of the record that is not to be folded yet, nor any after it; ``None`` while all are.
    unreadable
        Number of records that are none of ours.
    """

    def __init__(self, version: int = 0) -> None:
        self.version = version
        self.next_offset = 0
        self.epoch = -1
        self.acts: list[Act] = []
        self.answered: dict[str, Reply] = {}
        self.paused_at: int | None = None
        self.unreadable = 0
        self._epochs: list[tuple[int, Epoch]] = []

    def read(self, records: Iterable[tuple[int, bytes]]) -> None:
        """Take in records: offset and value of each, in order."""
        for offset, value in records:
            if offset < self.next_offset:
                continue
            self.next_offset = offset + 1
            try:
                record = _decoder.decode(value)
            except msgspec.MsgspecError:
                self.unreadable += 1
                continue
            if isinstance(record, Epoch):
                self.epoch = offset
                self._epochs.append((offset, record))
            elif record.epoch == self.epoch or mutants.active("zombie_decision"):
                self._answer(offset, record)

    def _answer(self, offset: int, record: Decision | Refused) -> None:
        if isinstance(record, Decision):
            self.acts.append(Act(offset, record))
            if record.action in OF_PARTITION:
                self.paused_at = record.at if record.action == "pause" else None
        self.answered.setdefault(record.id, Reply(offset, record, self.n_decided))

    def fault_of(self, header: SnapshotHeader) -> str | None:
        """Return why a snapshot must not be used, as a code, or ``None``.

        ``zombie``: its writer had lost the partition when it came so far. ``unknown_epoch``: the decisions
        topic was lost. ``missed_decision``, ``void_decision``: it does not hold exactly what was decided.
        ``holds_unlearned``: another version of the pipeline was made to forget what it has learned.
        """
        if header.epoch > self.epoch:
            return "unknown_epoch"
        if any(n > header.epoch and header.next_offset > epoch.frontier for n, epoch in self._epochs):
            return "zombie"
        if header.decision >= 0 and all(act.offset != header.decision for act in self.acts):
            return "void_decision"
        if any(act.decision.at < header.next_offset for act in self.after(header.decision)):
            return "missed_decision"
        if any(first < header.next_offset for first, _ in self.forgotten(header.decision)):
            return "holds_unlearned"
        return None

    def is_own(self, act: Act) -> bool:
        """Return whether *act* changes the models of this version."""
        return self.version == 0 or act.decision.version in (0, self.version)

    def forgotten(self, after: int = -1) -> list[tuple[int, int]]:
        """Return what other versions unlearned by decisions after the one at *after*: ranges of offsets."""
        acts = [act for act in self.after(after) if not self.is_own(act)]
        return [one for act in acts for one in act.decision.excluded]

    @property
    def switches(self) -> list[tuple[int, Epoch]]:
        """The epochs in which a version of the pipeline took over from another, and their offsets."""
        known = [(offset, epoch) for offset, epoch in self._epochs if epoch.version]
        return [newer for older, newer in pairwise(known) if older[1].version != newer[1].version]

    @property
    def first_version(self) -> int:
        """The first version that is known to have owned the partition; 0 if none is."""
        return next((epoch.version for _, epoch in self._epochs if epoch.version), 0)

    @property
    def answered_before(self) -> int:
        """Before this offset another version may have answered events that this one has not committed."""
        return max((one.answered for _, one in self._epochs if one.version == self.version), default=0)

    @property
    def runs(self) -> int:
        """The version that owns the partition, or owned it last; 0 if that is not known."""
        return self._epochs[-1][1].version if self._epochs else 0

    @property
    def n_decided(self) -> int:
        """How many decisions the partition has had; commands may say how many they know of."""
        return len(self.acts)

    @property
    def log_start(self) -> int | None:
        """Offset at which the fold began, ``None`` if nobody ever owned the partition."""
        return self._epochs[0][1].log_start if self._epochs else None

    @property
    def frontier(self) -> int:
        """Highest frontier that an owner began at: some owner has committed so far."""
        return max((epoch.frontier for _, epoch in self._epochs), default=0)

    def after(self, offset: int) -> list[Act]:
        """Return the decisions that come after the one at *offset* (-1: all)."""
        return [act for act in self.acts if act.offset > offset]

    def place_for(self, next_offset: int) -> int:
        """Return where a decision made now, by an owner who stands at *next_offset*, may act."""
        return max([next_offset, *(act.decision.at for act in self.acts[-1:])])


def encode(record: Epoch | Decision | Refused) -> bytes:
    """Return *record* as it travels."""
    return _encode(record)
