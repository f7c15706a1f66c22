"""What there is of a pipeline's past: its log, what was committed, its snapshots and its decisions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, NoReturn

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.ownership import FETCH_BYTES, keyring, sealer
from agents.sealing import Sealer
from agents.travel.past import Past, Refusal, Snapshot
from headrace.errors import HeadraceError, SnapshotError, TopicError
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from streams import client, groups
from streams.decisions import Timeline
from streams.kafka_ports import DecisionsTopic, TailReader
from streams.ports import SnapshotStore, Stored
from streams.snapshot_topic import SnapshotTopic
from streams.topics import decisions_topic, snapshots_topic
from streams.transport import partitions_by_topic


class Archive(NamedTuple):
    """A pipeline's past within reach: connections that are open."""

    pipeline: Pipeline
    sealing: Sealer
    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer
    store: SnapshotStore | None
    journal: DecisionsTopic | None
    admin: Any

    def log_partition(self, number: int) -> TopicPartition:
        """Return a partition of the log."""
        return TopicPartition(self.pipeline.log.name, number)

    async def past(self, tps: Sequence[TopicPartition]) -> list[Past]:
        """Return what there is of each of *tps*."""
        starts, ends = await self.consumer.beginning_offsets(tps), await self.consumer.end_offsets(tps)
        committed = await self._committed([tp.partition for tp in tps])
        found = []
        for tp in tps:
            number, timeline = tp.partition, Timeline(self.pipeline.version)
            journal = [] if self.journal is None else await self.journal.read(number, 0)
            timeline.read(journal)
            stored = [] if self.store is None else await self.store.read(number)
            frontier = committed.get(number)
            good, bad = self.examined(number, stored, timeline, frontier)
            found.append(Past(number, starts[tp], ends[tp], frontier, timeline, journal, good, bad))
        return found

    async def renewed(self, pasts: Sequence[Past]) -> list[Past]:
        """Return *pasts* as they are now; their snapshots are not read again, but judged again."""
        tps = [self.log_partition(past.partition) for past in pasts]
        starts, ends = await self.consumer.beginning_offsets(tps), await self.consumer.end_offsets(tps)
        committed = await self._committed([tp.partition for tp in tps])
        return [
            past._replace(
                log_start=starts[tp],
                log_end=ends[tp],
                committed=committed.get(tp.partition),
                journal=[*past.journal, *await self._news(past)],
                snapshots=[_judged(s, past.timeline, committed.get(tp.partition)) for s in past.snapshots],
            )
            for tp, past in zip(tps, pasts, strict=True)
        ]

    async def _news(self, past: Past) -> list[tuple[int, bytes]]:
        if self.journal is None:
            return []
        news = await self.journal.read(past.partition, past.timeline.next_offset)
        past.timeline.read(news)
        return news

    async def _committed(self, numbers: Sequence[int]) -> dict[int, int]:
        source = self.pipeline.log.name
        # Waits until the group has a coordinator: a fresh cluster first makes its topic of offsets.
        await groups.members(self.admin, self.pipeline.name, source)
        return await groups.committed(self.admin, self.pipeline.name, source, numbers)

    def examined(
        self, partition: int, stored: Iterable[Stored], timeline: Timeline, frontier: int | None
    ) -> tuple[list[Snapshot], list[Refusal]]:
        """Return those of *stored* that are snapshots of this pipeline and partition, and the others."""
        good, bad = [], []
        for slot, blob in sorted(stored):
            try:
                header = self.sealing.header_of(blob, self.pipeline.log.name, partition)
            except SnapshotError as error:
                bad.append(Refusal(slot, len(blob), error.reason, error.why or error.what))
            else:
                good.append(_judged(Snapshot(slot, header, blob), timeline, frontier))
        return good, bad


def _judged(snapshot: Snapshot, timeline: Timeline, frontier: int | None) -> Snapshot:
    """Return *snapshot* with why recovery would not use it, if so."""
    if snapshot.is_pinned:
        return snapshot
    is_ahead = snapshot.header.next_offset > (timeline.frontier if frontier is None else frontier)
    fault = timeline.fault_of(snapshot.header) or ("ahead_of_frontier" if is_ahead else None)
    return snapshot._replace(fault=fault)


@asynccontextmanager
async def archive(pipeline: Pipeline, settings: Settings) -> AsyncIterator[Archive]:
    """Yield the past of *pipeline*; what was never created is absent."""
    address = settings.bootstrap or ""
    async with (
        client.admin(address) as admin,
        client.reader(
            address, max_partition_fetch_bytes=FETCH_BYTES, fetch_max_bytes=4 * FETCH_BYTES
        ) as consumer,
        client.producer(address) as producer,
    ):
        there = await partitions_by_topic(consumer)
        snapshots, decisions = snapshots_topic(pipeline.name), decisions_topic(pipeline.name)
        tail = TailReader(consumer)
        yield Archive(
            pipeline,
            sealer(pipeline, settings, keyring(settings)),
            consumer,
            producer,
            SnapshotTopic(snapshots, tail, lambda: producer) if snapshots in there else None,
            DecisionsTopic(decisions, tail, lambda: producer) if decisions in there else None,
            admin,
        )


async def partitions(
    consumer: AIOKafkaConsumer, topic: str, wanted: Sequence[int], target: str
) -> list[TopicPartition]:
    """Return the partitions of *topic*, all or those *wanted*.

    Raises
    ------
    TopicError
        If there is no such topic.
    HeadraceError
        If it has no such partition.
    """
    there = (await partitions_by_topic(consumer)).get(topic)
    if there is None:
        raise TopicError(f"topic {topic} does not exist", fix=f"headrace topics create {target}")
    for number in wanted:
        if number not in there:
            _no_partition(topic, number, there)
    return [TopicPartition(topic, number) for number in sorted(set(wanted)) or there]


def _no_partition(topic: str, number: int, there: Sequence[int]) -> NoReturn:
    raise HeadraceError(
        f"{topic} has no partition {number}",
        why=f"it has {len(there)}: 0 to {there[-1]}",
        fix=f"--partition {there[-1]}, for example; without it, all",
    )


def require_store(archive: Archive) -> SnapshotStore:
    """Return the topic of snapshots.

    Raises
    ------
    TopicError
        If there is none.
    """
    if archive.store is None:
        name = archive.pipeline.name
        raise TopicError(f"topic {snapshots_topic(name)} does not exist", fix="headrace topics create TARGET")
    return archive.store
