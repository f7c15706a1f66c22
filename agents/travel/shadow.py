"""A version of a pipeline that folds the log behind the one that runs, and writes down where it stands."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete

from agents.travel import compare, replay, survey, turnover
from agents.travel.compare import Runs
from agents.travel.crew import Tell
from agents.travel.passage import Orders, Passage, Passed
from agents.travel.past import Origin, Past, Snapshot
from headrace.errors import LostRecordsError
from headrace.loading import load_pipeline
from headrace.settings import Settings
from streams import client, topics
from streams.version_slots import VersionSlots

SHADOW = "shadow-"
"""Slots of the states it writes down, two that take turns; a worker begins with the newest it finds."""

ROUND_OFFSETS = 1_000_000
"""So much of a partition is folded between two states that are written down: more is never lost."""

_EARLIER_MS = 60_000
_POLL_MS = 5_000


class Asked(msgspec.Struct, frozen=True):
    """Which pipeline to prepare; results from ``compared`` records before the frontier on are published."""

    target: str
    compared: int = 10_000
    workers: int | None = None


class Shadow:
    """Brings the pipeline of *asked* up to the frontier of the version that runs; see `begin`.

    Attributes
    ----------
    pasts
        What there is of each partition, as of the last look.
    began
        Where the fold of each partition began: an offset, and the snapshot there, "" if it was without one.
    into
        Name of the run that its results are published under.
    notes
        What there is to know before the switch.
    seconds, n_folded
        What was folded, and how long that took.
    """

    def __init__(self, asked: Asked, settings: Settings) -> None:
        self.pipeline = load_pipeline(asked.target)
        self.into = f"{self.pipeline.name}-v{self.pipeline.version}"
        self.pasts: list[Past] = []
        self.began: dict[int, tuple[int, str]] = {}
        self.notes: list[str] = []
        self.seconds = 0.0
        self.n_folded = 0
        self._asked = asked
        self._settings = settings
        self._publish_from: dict[int, int] = {}
        self._orders = Orders(asked.target, self.pipeline.log.name, settings, self.into)

    def begin(self) -> int:
        """Look at what there is, and make room for results; return how many offsets there are to fold.

        Raises
        ------
        HeadraceError
            If there is nothing to prepare, or it cannot be.
        """
        return asyncio.run(self._begin())

    def catch_up(self, tell: Tell) -> bool:
        """Fold up to the frontier or for a round, and write the states down; return whether it is reached."""
        asyncio.run(self._look())
        passages = [passage for past in self.pasts if (passage := self._passage(past)) is not None]
        if not passages:
            return True
        plan = replay.Plan(self.pipeline.name, self.pipeline.label, self._orders, passages, [])
        done = replay.execute(plan, tell, self._asked.workers)
        self.seconds += done.seconds
        self.n_folded += plan.n_offsets
        asyncio.run(self._write_down(done.passed))
        stops = {passage.partition: passage.stop for passage in passages}
        return all(past.committed == stops.get(past.partition, past.committed) for past in self.pasts)

    def follow(self, seconds: float) -> None:
        """Go on behind the frontier for so long, or until this version answers all partitions."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0 and not self.is_switched:
            time.sleep(min(left, self._settings.snapshot_interval_s))
            self.catch_up(lambda _: None)

    @property
    def is_switched(self) -> bool:
        """Whether this version answers everywhere."""
        return turnover.versions(self.pasts) == {self.pipeline.version}

    def standings(self) -> list[turnover.Standing]:
        """Return who answers each partition now."""
        asyncio.run(self._look())
        return [turnover.standing(past) for past in self.pasts]

    def runs(self) -> Runs:
        """Return what is there to compare: the published results, and those of this version."""
        return asyncio.run(self._runs())

    async def _begin(self) -> int:
        asked, log = self._asked, self.pipeline.log.name
        async with survey.archive(self.pipeline, self._settings) as archive:
            tps = await survey.partitions(archive.consumer, log, (), asked.target)
            survey.require_store(archive)
            self.pasts = await archive.past(tps)
            self.notes = await turnover.require_other(archive, self.pasts, asked.target)
            for past in self.pasts:
                turnover.require_no_conflict(past, asked.target)
                self._note(past)
            specs = replay.result_topics(self.pipeline, self.into, len(tps))
            await topics.create(archive.admin, specs)
            results = [TopicPartition(spec.name, tp.partition) for spec in specs for tp in tps]
            ends = await archive.consumer.end_offsets(results)
            held = {tp: RecordsToDelete(end) for tp, end in ends.items() if end}
            if held:  # of a trial before this one
                await archive.admin.delete_records(held)
        return sum((past.committed or 0) - self.began[past.partition][0] for past in self.pasts)

    def _note(self, past: Past) -> None:
        origin, frontier = self._origin(past), past.committed or 0
        self.began[past.partition] = min(origin.offset, frontier), origin.snapshot
        self._publish_from[past.partition] = max(0, frontier - self._asked.compared)
        self.notes += turnover.notes(past, self.pipeline)
        if not origin.snapshot and origin.offset > past.fold_start:
            self.notes.append(
                f"partition {past.partition}: {self.pipeline.label} learns from offset {origin.offset:,} on: "
                "retention has deleted what was before"
            )

    async def _look(self) -> None:
        async with survey.archive(self.pipeline, self._settings) as archive:
            self.pasts = await archive.renewed(self.pasts)

    def _origin(self, past: Past) -> Origin:
        """Return the latest state of this version, or nothing at the log's present beginning."""
        try:
            return past.origin(past.committed or 0)
        except LostRecordsError:
            return Origin(past.log_start, past.last_decision_before(past.log_start))

    def _passage(self, past: Past) -> Passage | None:
        """Return what to fold of a partition now, ``None`` if nothing."""
        origin, frontier = self._origin(past), past.committed or 0
        if past.timeline.runs == self.pipeline.version or frontier <= origin.offset:
            return None
        stop = min(frontier, origin.offset + ROUND_OFFSETS)
        publish_from = max(origin.offset, self._publish_from[past.partition])
        facts = {
            "epoch": past.timeline.epoch,
            "decision": past.last_decision_before(stop),
            "sequence": 1 + max((s.header.sequence for s in past.snapshots), default=-1),
        }
        return past.passage(
            stop, origin, publish_from=publish_from if publish_from < stop else None, facts=facts
        )

    async def _write_down(self, passed: Sequence[Passed]) -> None:
        by_number = {past.partition: past for past in self.pasts}
        async with survey.archive(self.pipeline, self._settings) as archive:
            store = VersionSlots(survey.require_store(archive), self.pipeline.version)
            for one in passed:
                past = by_number[one.partition]
                header = archive.sealing.header_of(one.snapshot, self.pipeline.log.name, one.partition)
                slot = f"{SHADOW}{header.sequence % 2}"
                await store.write(one.partition, slot, one.snapshot)
                written = Snapshot(store.named(slot), header, one.snapshot)
                kept = [s for s in past.snapshots if s.slot != written.slot]
                by_number[one.partition] = past._replace(snapshots=[*kept, written])
                published = self._publish_from[one.partition]
                self._publish_from[one.partition] = max(published, one.next_offset)
        self.pasts = list(by_number.values())

    async def _runs(self) -> Runs:
        target = None if self.pipeline.target is None else self._asked.target
        address = self._settings.bootstrap or ""
        found = await compare.find(address, self.pipeline.name, self.into, target)
        async with client.reader(address) as consumer:
            bounds = dict(found.a.bounds)
            for number, (start, end) in found.b.bounds.items():
                if end > start and number in bounds:
                    since = await _place_of(consumer, found.b.topic, found.a.topic, number, start)
                    bounds[number] = max(bounds[number][0], since), bounds[number][1]
        return msgspec.structs.replace(found, a=msgspec.structs.replace(found.a, bounds=bounds))


async def _place_of(consumer: AIOKafkaConsumer, b: str, a: str, number: int, start: int) -> int:
    """Return where in topic *a* to begin, to find what the record *start* of *b* is to be compared with.

    Results bear the time of their record, so both have the same, but times may come out of order.
    """
    tp = TopicPartition(b, number)
    consumer.assign([tp])
    consumer.seek(tp, start)
    records = (await consumer.getmany(tp, timeout_ms=_POLL_MS, max_records=1)).get(tp, [])
    consumer.unsubscribe()
    if not records:
        return 0
    other = TopicPartition(a, number)
    found = await consumer.offsets_for_times({other: max(0, records[0].timestamp - _EARLIER_MS)})
    place = found.get(other)
    return 0 if place is None else int(place.offset)
