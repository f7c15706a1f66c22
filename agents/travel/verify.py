"""`headrace verify`: the log folded again says whether the live state is what it should be."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import msgspec

from agents.travel import narrow, survey
from agents.travel.crew import Tell
from agents.travel.passage import Orders, Passage, Passed, Place
from agents.travel.past import Origin, Past, Snapshot
from agents.travel.replay import run
from headrace.errors import HeadraceError, LostRecordsError
from headrace.loading import load_pipeline
from headrace.settings import Settings
from streams.topics import predictions_topic


class Asked(msgspec.Struct, frozen=True):
    """What is to be verified, and the snapshot to begin with in place of the log's beginning."""

    target: str
    partitions: tuple[int, ...] = ()
    snapshot: str | None = None


class Check(NamedTuple):
    """One partition: where its fold begins, and the states compared on the way, the live one last."""

    past: Past
    origin: Origin
    snapshots: list[Snapshot]

    @property
    def live(self) -> Snapshot:
        """The newest snapshot."""
        return self.snapshots[-1]


class Plan(NamedTuple):
    """What has to be folded; ``skipped`` are partitions that have no snapshot yet."""

    label: str
    orders: Orders
    checks: list[Check]
    skipped: list[int]

    @property
    def passages(self) -> list[Passage]:
        """The folds."""
        return [
            check.past.passage(
                check.live.header.next_offset,
                check.origin,
                places=tuple(_place(snapshot) for snapshot in check.snapshots),
                expected=tuple(check.past.parts(snapshot) for snapshot in check.snapshots),
            )
            for check in self.checks
        ]

    @property
    def n_offsets(self) -> int:
        """Offsets to fold."""
        return sum(check.live.header.next_offset - check.origin.offset for check in self.checks)


class Verdict(msgspec.Struct, frozen=True):
    """What came of one partition.

    ``began`` is the snapshot the fold began with, "" for the log's beginning. ``last_equal`` and
    ``first_different`` are snapshots on the way; between their offsets the live state went another way.
    ``first_result`` is the first offset whose published result is not what the fold says.
    """

    partition: int
    snapshot: str
    offset: int
    step: int
    began: str
    began_at: int
    compared: int
    digest: str
    live_digest: str
    last_equal: str | None = None
    last_equal_at: int | None = None
    first_different: str | None = None
    first_different_at: int | None = None
    first_result: int | None = None

    @property
    def is_identical(self) -> bool:
        """Whether every state compared is the same to the last bit."""
        return self.first_different is None


def plan(asked: Asked, settings: Settings) -> Plan:
    """Return what has to be folded.

    Raises
    ------
    HeadraceError
        If there is no snapshot to compare with, or none of that id to begin with.
    LostRecordsError
        If the records are gone.
    """
    pipeline = load_pipeline(asked.target)
    checks, skipped = asyncio.run(_plan(asked, settings))
    return Plan(pipeline.label, Orders(asked.target, pipeline.log.name, settings), checks, skipped)


def execute(planned: Plan, tell: Tell, workers: int | None = None) -> list[Verdict]:
    """Fold and compare; where a state differs, look for the first result that does."""
    passed = run(planned.orders, planned.passages, tell, workers)
    verdicts = [_verdict(check, one) for check, one in zip(planned.checks, passed, strict=True)]
    return [
        verdict if verdict.is_identical else _narrowed(planned, check, verdict)
        for check, verdict in zip(planned.checks, verdicts, strict=True)
    ]


async def _plan(asked: Asked, settings: Settings) -> tuple[list[Check], list[int]]:
    pipeline = load_pipeline(asked.target)
    async with survey.archive(pipeline, settings) as archive:
        source = pipeline.log.name
        tps = await survey.partitions(archive.consumer, source, asked.partitions, asked.target)
        pasts = await archive.past(tps)
    pasts = pasts if asked.snapshot is None else [p for p in pasts if _find(p, asked.snapshot) is not None]
    if asked.snapshot is not None and not pasts:
        raise HeadraceError(
            f"there is no snapshot {asked.snapshot} of {pipeline.name} that can be used",
            fix=f"headrace snapshot ls {asked.target}   lists them",
        )
    checks = [_check(past, asked) for past in pasts if past.usable]
    if not checks:
        raise HeadraceError(
            f"{pipeline.name} has no snapshot that can be used",
            why="a live state is compared by its newest snapshot",
            fix=f"headrace snapshot ls {asked.target}   shows what there is; workers write them as they go",
        )
    return checks, [past.partition for past in pasts if not past.usable]


def _find(past: Past, snapshot_id: str) -> Snapshot | None:
    return next((s for s in past.usable if s.header.id == snapshot_id), None)


def _check(past: Past, asked: Asked) -> Check:
    usable = past.usable
    if asked.snapshot is not None and (chosen := _find(past, asked.snapshot)) is not None:
        origin = past.at(chosen)
    else:
        origin = past.beginning() or _oldest(past)
    ahead = [s for s in usable if s.header.next_offset >= origin.offset and s.header.id != origin.snapshot]
    if not ahead:
        raise HeadraceError(
            f"partition {past.partition} has nothing to compare with",
            why=f"its newest snapshot, {usable[-1].header.id}, is the one to begin with",
            fix="begin with an older one, or wait for the next",
        )
    return Check(past, origin, ahead)


def _oldest(past: Past) -> Origin:
    """Return the oldest state from which the log can be folded, where its beginning is gone."""
    reachable = [s for s in past.usable if s.header.next_offset >= past.log_start]
    if not reachable:
        raise LostRecordsError(
            f"partition {past.partition} cannot be verified: its log begins at {past.log_start}",
            why=f"the fold began at {past.fold_start}, and no snapshot reaches beyond what was deleted",
            fix="verify before retention deletes what a verification needs: retention_s of the source",
        )
    return past.at(reachable[0])


def _place(snapshot: Snapshot) -> Place:
    return Place(snapshot.header.next_offset, snapshot.header.decision)


def _verdict(check: Check, passed: Passed) -> Verdict:
    found = [passed.digests[_place(snapshot)] for snapshot in check.snapshots]
    same = [a == b for a, b in zip(found, passed.expected, strict=True)]
    n_equal = same.index(False) if False in same else len(same)
    last = check.snapshots[n_equal - 1].header if n_equal else None
    first = check.snapshots[n_equal].header if n_equal < len(same) else None
    return Verdict(
        check.past.partition,
        check.live.header.id,
        check.live.header.next_offset,
        check.live.header.step,
        check.origin.snapshot,
        check.origin.offset,
        len(same),
        found[-1],
        passed.expected[-1],
        last.id if last else check.origin.snapshot if first else None,
        last.next_offset if last else check.origin.offset if first else None,
        first.id if first else None,
        first.next_offset if first else None,
    )


def _narrowed(planned: Plan, check: Check, verdict: Verdict) -> Verdict:
    """Return *verdict* with the first result that differs, if results are there."""
    known = {snapshot.header.id: snapshot for snapshot in check.snapshots}
    equal = known.get(verdict.last_equal or "")
    origin = check.origin if equal is None else check.past.at(equal)
    passage = check.past.passage(check.live.header.next_offset, origin)
    topic = predictions_topic(load_pipeline(planned.orders.target).name)
    return msgspec.structs.replace(
        verdict, first_result=narrow.first_difference(planned.orders, passage, topic)
    )
