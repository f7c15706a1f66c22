"""`headrace unlearn`: the models as if some records had never been there, worked out and proved."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeAlias

import msgspec

from agents import operator
from agents.ownership import keyring
from agents.travel import backup, crew, scan, survey
from agents.travel.crew import Tell
from agents.travel.lineage import Ranges, before, merged, orders, unseen
from agents.travel.passage import Orders, Passage, Turn
from agents.travel.past import Origin, Past
from agents.travel.refold import refold
from headrace.errors import HeadraceError, LostRecordsError
from headrace.loading import load_pipeline
from headrace.settings import Settings
from schemas.audit import AuditEvent
from streams.choosing import PINNED

Meter: TypeAlias = Callable[[str, int], AbstractContextManager[Tell]]
"""Shows how far a piece of work of known length is."""


class Asked(msgspec.Struct, frozen=True):
    """Which records to forget: those of ``partition`` from ``first`` to ``last``, or all with an id."""

    target: str
    partition: int | None = None
    first: int | None = None
    last: int | None = None
    event_id: str | None = None


class Task(NamedTuple):
    """What has to be done on one partition.

    ``excluded`` is what is to be forgotten now, ``unseen`` all that the models shall not have seen, with what
    decisions took out before.
    """

    past: Past
    origin: Origin
    stop: int
    excluded: Ranges
    unseen: Ranges
    beginning: Origin | None

    @property
    def passages(self) -> list[Passage]:
        """The short way, from a snapshot, and the whole way, which proves it, unless they are the same."""
        number, timeline = self.past.partition, self.past.timeline
        facts = {"epoch": timeline.epoch, "decision": self.past.last_decision, "sequence": -1}
        origin = self.origin
        turns = [
            Turn(act.decision.at, act.offset, order=act.decision)
            for act in orders(self.past, self.past.last_decision)
        ]
        short = Passage(
            number,
            origin.offset,
            self.stop,
            blobs=origin.blobs,
            turns=tuple(turn for turn in turns if turn.decision > origin.decision),
            excluded=self.unseen,
            facts=facts,
        )
        if self.beginning is None or not origin.snapshot:
            return [short]
        whole = Passage(number, self.beginning.offset, self.stop, turns=tuple(turns), excluded=self.unseen)
        return [short, whole]

    @property
    def n_offsets(self) -> int:
        """Offsets to fold."""
        return sum(passage.stop - passage.start for passage in self.passages)


class Draft(msgspec.Struct, frozen=True):
    """The state without the records, up to ``offset``: a sealed snapshot that is stored nowhere yet.

    ``excluded`` is what was forgotten now, ``unseen`` all that the models have not seen. ``began`` is the
    snapshot the fold began with, "" for the log's beginning. ``proof`` is the digest of the models after a
    fold of the whole log without these records, and equal to ``digest``; "" if the log's beginning is gone.
    """

    partition: int
    offset: int
    excluded: Ranges
    unseen: Ranges
    began: str
    digest: str
    proof: str
    blob: bytes


def plan(asked: Asked, settings: Settings, meter: Meter) -> list[Task]:
    """Return what has to be done, by partition; *meter* shows how many records were looked at for an id.

    Raises
    ------
    HeadraceError
        If there are no such records, they were not learned, or the way back to them is gone.
    """
    pasts = asyncio.run(_pasts(asked, settings))
    if asked.event_id is None:
        return [_task(asked, pasts[0], [(asked.first or 0, asked.last or 0)])]
    pipeline = load_pipeline(asked.target)
    orders = Orders(asked.target, pipeline.log.name, settings)
    ranges = [scan.learned(past) for past in pasts]
    with meter("looked at", scan.n_offsets(ranges)) as tell:
        found = scan.offsets_of(orders, ranges, asked.event_id, tell)
    if not found:
        raise HeadraceError(
            f"no event with the id {asked.event_id!r} was learned by {pipeline.name}",
            why="every record up to the committed offset was looked at",
            fix="headrace tail shows what ids look like; or --partition with --from and --to",
        )
    chosen = [past for past in pasts if past.partition in found]
    return [_task(asked, past, [(n, n) for n in found[past.partition]]) for past in chosen]


def execute(asked: Asked, settings: Settings, tasks: Sequence[Task], tell: Tell) -> list[Draft]:
    """Fold and prove.

    Raises
    ------
    HeadraceError
        If the short way and the whole way come to different models.
    """
    orders = Orders(asked.target, load_pipeline(asked.target).log.name, settings)
    return [_execute(orders, task, tell) for task in tasks]


async def carry_out(target: str, settings: Settings, draft: Draft) -> AuditEvent:
    """Let the owner of the partition take *draft* over; return the answer.

    The draft is stored for as long as the command may need it.

    Raises
    ------
    HeadraceError
        If the owner refused, or nobody answered.
    """
    pipeline = load_pipeline(target)
    async with survey.archive(pipeline, settings) as archive:
        store = survey.require_store(archive)
        slot = f"{PINNED}draft-{secrets.token_hex(8)}"
        await store.write(draft.partition, slot, draft.blob)
        header = archive.sealing.header_of(draft.blob, pipeline.log.name, draft.partition)
        command = operator.command_for(header, slot, "unlearn", excluded=draft.excluded)
        decision = await operator.send(settings.bootstrap or "", keyring(settings), command)
        await store.delete(draft.partition, slot)  # the owner has pinned a state of its own
        return decision


def _execute(orders: Orders, task: Task, tell: Tell) -> Draft:
    found = crew.run(refold, [(orders, [passage]) for passage in task.passages], tell)
    short, *whole = [passed for (passed,) in found]
    proof = whole[0].models_digest if whole else "" if task.origin.snapshot else short.models_digest
    if proof and proof != short.models_digest:
        raise HeadraceError(
            f"partition {task.past.partition}: the proof failed, nothing was changed",
            why=f"the models come to {short.models_digest[:16]} from snapshot {task.origin.snapshot}, "
            f"to {proof[:16]} from the beginning",
            fix=f"headrace verify {orders.target} -p {task.past.partition}   says which snapshot is wrong",
        )
    return Draft(
        task.past.partition,
        task.stop,
        task.excluded,
        task.unseen,
        task.origin.snapshot,
        short.models_digest,
        proof,
        short.snapshot,
    )


async def _pasts(asked: Asked, settings: Settings) -> list[Past]:
    wanted = () if asked.partition is None else (asked.partition,)
    async with backup.pasts(asked.target, settings, wanted) as (_, pasts):
        return pasts


def _task(asked: Asked, past: Past, ranges: Sequence[tuple[int, int]]) -> Task:
    stop = past.committed or 0
    excluded = merged(ranges)
    _require_committed(asked, past, excluded, stop)
    now = unseen(past, past.last_decision)
    wanted = merged([*now, *excluded])
    if wanted == now:
        raise HeadraceError(
            f"the models of partition {past.partition} have not seen these records",
            why="decisions took them out before",
            fix=f"headrace model history {asked.target}",
        )
    return Task(past, _origin(past, wanted, excluded), stop, excluded, wanted, past.beginning())


def _require_committed(asked: Asked, past: Past, excluded: Ranges, stop: int) -> None:
    if not excluded:
        raise HeadraceError(
            f"there is nothing from {asked.first} to {asked.last}",
            why="--from is the first offset to forget, --to the last",
            fix="--from must not be greater than --to",
        )
    first, last = excluded[0][0], excluded[-1][1]
    if last >= stop or first < past.log_start:
        raise HeadraceError(
            f"partition {past.partition} cannot unlearn offsets {first} to {last}",
            why=f"its log begins at {past.log_start} and its models stand at {stop}",
            fix=f"a range within {past.log_start} to {stop - 1}",
        )


def _origin(past: Past, wanted: Ranges, excluded: Ranges) -> Origin:
    """Return the latest state that has seen nothing it should not, and all else."""
    for snapshot in reversed(past.usable):
        header = snapshot.header
        offset = header.next_offset
        if not past.log_start <= offset <= excluded[0][0]:
            continue
        if before(unseen(past, header.decision), offset) == before(wanted, offset):
            return past.at(snapshot)
    beginning = past.beginning()
    if beginning is None:
        raise LostRecordsError(
            f"partition {past.partition} cannot unlearn offset {excluded[0][0]}",
            why=f"no snapshot before it is kept, and the log now begins at {past.log_start}",
            fix="keep more snapshots (snapshot_keep, snapshot_keep_every), or restore one from a backup",
        )
    return beginning
