"""What must come out: the fold of a log, undisturbed, with the decisions that count."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from schemas.decisions import Decision, Epoch, JournalRecord
from tests.simulation.kafka import Record

decode = msgspec.json.Decoder(JournalRecord).decode


class Commanded(NamedTuple):
    """What a command names: a state, and the offset it is of."""

    next_offset: int
    state: Any


class Act(NamedTuple):
    """A decision that counts, and what the models become; ``None``: they stay as they are."""

    offset: int
    at: int
    state: Any


class Expected(NamedTuple):
    """A state, and what was published on the way to it, by offset."""

    state: Any
    published: dict[int, bytes]


def acts(cluster: Any, partition: int) -> list[Act]:
    """Return the decisions that count, by the rule and not by the code under test."""
    epoch, found = -1, []
    for offset, value in enumerate(cluster.world.kafka.journal[partition]):
        record = decode(value)
        if isinstance(record, Epoch):
            epoch = offset
        elif isinstance(record, Decision) and record.epoch == epoch:
            found.append(Act(offset, record.at, _decided(cluster, partition, record)))
    return found


def paused(journal: Iterable[bytes]) -> bool:
    """Return whether nothing is to be folded until an operator says so."""
    epoch, found = -1, False
    for offset, value in enumerate(journal):
        record = decode(value)
        if isinstance(record, Epoch):
            epoch = offset
        elif isinstance(record, Decision) and record.epoch == epoch:
            found = record.action == "pause" or (found and record.action != "resume")
    return found


def _decided(cluster: Any, partition: int, decision: Decision) -> Any:
    """Return the state a decision leads to: that of a snapshot, caught up without what is excluded."""
    if not decision.snapshot:
        return {} if decision.action == "reset" else None
    start, state = cluster.commands[decision.id]
    if decision.action == "rollback":
        return state
    records: list[Record] = [
        record
        for record in cluster.world.kafka.logs[partition].records
        if start <= record.offset < decision.at
        and not any(first <= record.offset <= last for first, last in decision.excluded)
    ]
    return cluster.kit.caught_up(state, records)


def reference(cluster: Any, partition: int, end: int, decision: int | None = None) -> Expected:
    """Return the undisturbed fold up to *end*, with all decisions, or those up to the one at *decision*.

    Of these the last has been taken in, also if it acts at *end*.
    """
    known = acts(cluster, partition)
    taken = [act for act in known if decision is None or act.offset <= decision]
    records = [record for record in cluster.world.kafka.logs[partition].records if record.offset < end]
    found: Expected = cluster.kit.expect(partition, records, taken, end, is_last_taken=decision is not None)
    return found
