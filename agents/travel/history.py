"""`headrace model history`: snapshots, decisions and owners of a partition as one line of events."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from agents.travel.lineage import holds_unlearned, unseen
from agents.travel.past import Past, Snapshot
from headrace.errors import SnapshotError
from schemas.decisions import Decision, Epoch, JournalRecord, Refused, Turn
from streams.decisions import Act

Kind: TypeAlias = Literal["live", "kept", "pinned", "refused", "owner"] | Turn

_decode = msgspec.json.Decoder(JournalRecord).decode


class Entry(msgspec.Struct, frozen=True):
    """One thing that happened, at ``offset`` of the log; ``decision`` is its place in the decisions topic.

    ``holds_unlearned`` says that a snapshot has learned what was unlearned since: it cannot be gone back to.
    ``unseen`` are the records, ranges of offsets, that the models do not know from there on.
    """

    partition: int
    offset: int | None
    kind: Kind
    what: str
    decision: int = -1
    slot: str = ""
    step: int | None = None
    created_ms: int | None = None
    fault: str | None = None
    holds_unlearned: bool | None = None
    unseen: tuple[tuple[int, int], ...] = ()
    model: str | None = None
    value: float | None = None


def entries(past: Past) -> list[Entry]:
    """Return what happened on a partition, in the order of the log."""
    found = [_of_snapshot(past, snapshot) for snapshot in past.snapshots] + _of_journal(past)
    return sorted(found, key=lambda e: (-1 if e.offset is None else e.offset, e.decision, e.kind != "owner"))


def _of_snapshot(past: Past, snapshot: Snapshot) -> Entry:
    header = snapshot.header
    kinds: dict[str, Kind] = {"live": "live", "keep": "kept", "pin": "pinned"}
    return Entry(
        past.partition,
        header.next_offset,
        kinds.get(snapshot.slot.partition("-")[0], "live"),
        header.id,
        header.decision,
        snapshot.slot,
        header.step,
        header.created_ms,
        snapshot.fault,
        _or_none(past, snapshot),
    )


def _or_none(past: Past, snapshot: Snapshot) -> bool | None:
    """Return whether *snapshot* holds what was unlearned, ``None`` where that cannot be told."""
    try:
        return holds_unlearned(past, snapshot)
    except SnapshotError:
        return None


def _of_journal(past: Past) -> list[Entry]:
    acts = {act.offset for act in past.timeline.acts}
    found = []
    for offset, value in past.journal:
        try:
            record = _decode(value)
        except msgspec.MsgspecError:
            continue
        found.append(_of_record(past, offset, record, is_void=offset not in acts))
    return found


def _of_record(past: Past, offset: int, record: JournalRecord, *, is_void: bool) -> Entry:
    if isinstance(record, Epoch):
        return Entry(past.partition, record.frontier, "owner", record.worker, offset)
    if isinstance(record, Refused):
        return Entry(past.partition, None, "refused", record.id, offset, fault=record.reason)
    return _of_decision(past, offset, record, is_void=is_void)


def _of_decision(past: Past, offset: int, record: Decision, *, is_void: bool) -> Entry:
    try:
        ranges = () if is_void else unseen(past, offset)
    except SnapshotError:
        ranges = ()
    return Entry(
        past.partition,
        record.at,
        record.action,
        record.id,
        offset,
        record.snapshot,
        fault="void" if is_void else None if past.timeline.is_own(Act(offset, record)) else "other_version",
        unseen=ranges,
        model=record.model or None,
        value=record.value,
    )
