"""`headrace model rollback`: which older snapshot each partition goes back to, and the commands for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from agents import operator
from agents.ownership import keyring
from agents.travel import backup, marks
from agents.travel.lineage import holds_unlearned
from agents.travel.marks import Mark
from agents.travel.past import Past, Snapshot
from headrace.errors import HeadraceError
from headrace.settings import Settings
from schemas.audit import AuditEvent


class Step(NamedTuple):
    """One partition, and the snapshot that its models go back to."""

    partition: int
    committed: int
    snapshot: Snapshot


async def choose(
    target: str, settings: Settings, partitions: Sequence[int], *, to: str | None, before: Mark | None
) -> list[Step]:
    """Return the snapshot called *to*, or of each partition the newest one *before* a place in the log.

    Raises
    ------
    HeadraceError
        If there is none that may be gone back to.
    """
    async with backup.pasts(target, settings, partitions) as (archive, pasts):
        if to is not None:
            return _named(target, pasts, to)
        found = [past for past in pasts if past.usable]
        tps = [archive.log_partition(past.partition) for past in found]
        starts, ends = (
            await archive.consumer.beginning_offsets(tps),
            await archive.consumer.end_offsets(tps),
        )
        places = await marks.offsets(archive.consumer, before or marks.END, starts, ends)
        return [_newest(past, places[tp], before) for past, tp in zip(found, tps, strict=True)]


async def carry_out(settings: Settings, step: Step) -> AuditEvent:
    """Let the owner of the partition go back; return the answer.

    Raises
    ------
    HeadraceError
        If the owner refused, or nobody answered.
    """
    command = operator.command_for(step.snapshot.header, step.snapshot.slot, "rollback")
    return await operator.send(settings.bootstrap or "", keyring(settings), command)


def _candidates(past: Past) -> list[Snapshot]:
    """Return the snapshots that may be gone back to: whole, and without anything that was unlearned."""
    return [s for s in past.usable if s.header.reaches_back == 0 and not holds_unlearned(past, s)]


def _named(target: str, pasts: Sequence[Past], to: str) -> list[Step]:
    found = [(past, s) for past in pasts for s in past.usable if s.header.id == to]
    if len(found) != 1:
        raise HeadraceError(
            f"there is no snapshot {to} of {target} that can be used"
            if not found
            else f"{len(found)} partitions have a snapshot {to}",
            fix=f"headrace model history {target}   lists them"
            if not found
            else f"-p {found[0][0].partition}   says which is meant",
        )
    past, snapshot = found[0]
    if snapshot not in _candidates(past):
        raise HeadraceError(
            f"snapshot {to} cannot be gone back to",
            why="it only adds to others"
            if snapshot.header.reaches_back
            else "it holds records that were unlearned since",
            fix=f"headrace model history {target}   shows which can",
        )
    return [Step(past.partition, past.committed or 0, snapshot)]


def _newest(past: Past, offset: int, before: Mark | None) -> Step:
    found = [s for s in _candidates(past) if s.header.next_offset <= offset]
    if not found:
        raise HeadraceError(
            f"partition {past.partition} keeps no snapshot from before {before.text if before else 'now'}",
            why=f"that is offset {offset}; the oldest that can be gone back to is at "
            f"{min((s.header.next_offset for s in _candidates(past)), default=None)}",
            fix="-p chooses partitions; snapshot_keep and snapshot_keep_every say how many are kept",
        )
    return Step(past.partition, past.committed or 0, found[-1])
