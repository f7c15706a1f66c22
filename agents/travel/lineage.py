"""Which records a state has seen: decisions took some out, by going back or by unlearning."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from agents.travel.past import Past, Snapshot
from headrace.errors import SnapshotError
from schemas.commands import FROM_SNAPSHOT, OF_MODEL, OF_PARTITION
from streams.decisions import Act

Ranges: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges of offsets, first and last, sorted and apart."""


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Return *ranges* sorted, those that touch joined, those that hold nothing left out."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if last < first:
            continue
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return tuple(found)


def before(ranges: Ranges, offset: int) -> Ranges:
    """Return what of *ranges* lies before *offset*."""
    return merged((first, min(last, offset - 1)) for first, last in ranges)


def unseen(past: Past, decision: int) -> Ranges:
    """Return the records that a state with the decisions up to *decision* has not learned from.

    Where a rollback acted, the models are those of an older snapshot: what came between, they do not know.
    An unlearning takes more out of what they had seen.

    Raises
    ------
    SnapshotError
        If the snapshot that a decision refers to is not there.
    """
    found: Ranges = ()
    for act in past.timeline.acts:
        if act.offset > decision:
            break
        if act.decision.action == "unlearn":
            found = merged([*found, *act.decision.excluded])
        elif act.decision.action == "rollback" and past.timeline.is_own(act):
            header = pin(past, act.decision.snapshot).header
            found = merged([*unseen(past, header.decision), (header.next_offset, act.decision.at - 1)])
    return found


def orders(past: Past, decision: int) -> list[Act]:
    """Return the orders that a state with the decisions up to *decision* has taken in.

    What is done to a model goes with it where a rollback brings an older one back.
    """
    found: list[Act] = []
    for act in past.timeline.acts:
        if act.offset > decision:
            break
        action = act.decision.action
        if action == "rollback" and past.timeline.is_own(act):
            kept = orders(past, pin(past, act.decision.snapshot).header.decision)
            found = [one for one in found if one.decision.action not in OF_MODEL or one in kept]
        elif action not in FROM_SNAPSHOT | OF_PARTITION and past.timeline.is_own(act):
            found.append(act)
    return found


def unlearned(past: Past, after: int) -> Ranges:
    """Return what was unlearned by decisions after the one at *after*."""
    return merged(
        one
        for act in past.timeline.after(after)
        if act.decision.action == "unlearn"
        for one in act.decision.excluded
    )


def holds_unlearned(past: Past, snapshot: Snapshot) -> bool:
    """Return whether *snapshot* has learned from records that were unlearned since."""
    decision = _decision_of(past, snapshot)
    seen_not = unseen(past, decision)
    return any(
        not any(a <= first and last <= b for a, b in seen_not)
        for first, last in before(unlearned(past, decision), snapshot.header.next_offset)
    )


def _decision_of(past: Past, snapshot: Snapshot) -> int:
    """Return the last decision that *snapshot* has taken in; what an unlearning made is its own result."""
    for act in past.timeline.acts:
        if act.decision.snapshot == snapshot.slot and act.decision.action == "unlearn":
            return act.offset
    return snapshot.header.decision


def pin(past: Past, slot: str) -> Snapshot:
    """Return the snapshot that a decision refers to.

    Raises
    ------
    SnapshotError
        If it is not there.
    """
    found = next((s for s in past.snapshots if s.slot == slot), None)
    if found is None:
        raise SnapshotError(
            "missing_pin",
            f"the snapshot {slot} that a decision refers to is not there",
            why=f"partition {past.partition}: what its models have seen cannot be told without it",
            fix="headrace snapshot restore TARGET FOLDER, from a backup that holds it",
        )
    return found
