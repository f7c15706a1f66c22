"""`headrace replay`: the fold over old offsets, by the same or another spec, into topics of its own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.travel import crew, log, marks, survey
from agents.travel.crew import Tell
from agents.travel.marks import Mark, Span
from agents.travel.passage import Orders, Passage, Passed
from agents.travel.refold import refold
from headrace.errors import HeadraceError, LostRecordsError, TopicError
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from headrace.topic import checked_name
from schemas import Source
from streams import topics
from streams.topics import TopicSpec, dead_topic, predictions_topic

_LAST_POLL_MS = 5_000


class Asked(msgspec.Struct, frozen=True):
    """What a replay is to do; see `headrace replay --help`."""

    target: str
    into: str
    first: Mark
    last: Mark
    spec: str | None = None
    partitions: tuple[int, ...] = ()
    workers: int | None = None
    is_fresh: bool = False
    appends: bool = False


class Plan(NamedTuple):
    """What is about to be done, and what the user should know of it.

    ``name`` is that of the pipeline whose log it is, ``label`` of the one that answers; ``passages`` are
    sorted by partition.
    """

    name: str
    label: str
    orders: Orders
    passages: list[Passage]
    notes: list[str]

    @property
    def n_offsets(self) -> int:
        """Offsets to fold, the silent ones included."""
        return sum(passage.stop - passage.start for passage in self.passages)


class Outcome(NamedTuple):
    """What was done with each partition; ``seconds`` count from the first records: processes take a while."""

    passed: list[Passed]
    seconds: float

    @property
    def n_replayed(self) -> int:
        """Records that gave a result, or were tombstones."""
        return sum(p.predicted + p.dead + p.tombstones for p in self.passed)

    @property
    def n_silent(self) -> int:
        """Records folded before those, without results."""
        return sum(p.silent for p in self.passed)


def plan(asked: Asked, settings: Settings) -> Plan:
    """Return what *asked* means now; the result topics are created.

    Raises
    ------
    HeadraceError
        If it cannot be done: another log, no such offsets, results of somebody else in the way.
    """
    pipeline = load_pipeline(asked.target)
    answering = pipeline if asked.spec is None else load_pipeline(asked.spec)
    _require_same_log(asked, pipeline, answering)
    checked_name("--into", asked.into)
    if asked.into in (pipeline.name, answering.name):
        raise HeadraceError(
            f"--into {asked.into} would write among the live results",
            why=f"the pipeline {asked.into} publishes to {predictions_topic(asked.into)}",
            fix=f"--into {asked.into}-replay",
        )
    name, label = pipeline.name, answering.label
    return Plan(name, label, *asyncio.run(_plan(asked, settings, pipeline)))


def execute(planned: Plan, tell: Tell, workers: int | None = None) -> Outcome:
    """Fold, in as many processes as there are cores or *workers*; *tell* how many more records are done."""
    started: list[float] = []

    def told(n: int) -> None:
        if not started:
            started.append(time.perf_counter())
        tell(n)

    passed = run(planned.orders, planned.passages, told, workers)
    return Outcome(passed, time.perf_counter() - started[0] if started else 0.0)


def run(orders: Orders, passages: Sequence[Passage], tell: Tell, workers: int | None = None) -> list[Passed]:
    """Fold *passages* in several processes; return what came of them, by partition."""
    shares = share(passages, workers or os.cpu_count() or 1)
    found = crew.run(refold, [(orders, part) for part in shares], tell)
    return sorted((passed for part in found for passed in part), key=lambda passed: passed.partition)


def share(passages: Sequence[Passage], workers: int) -> list[list[Passage]]:
    """Return *passages* in at most *workers* shares of about the same length, the longest ones first."""
    shares: list[list[Passage]] = [[] for _ in range(min(workers, len(passages)))]
    lengths = [0] * len(shares)
    for passage in sorted(passages, key=lambda p: p.start - p.stop):
        shortest = lengths.index(min(lengths))
        shares[shortest].append(passage)
        lengths[shortest] += passage.stop - passage.start
    return shares


def _require_same_log(asked: Asked, pipeline: Pipeline, answering: Pipeline) -> None:
    if answering.log.name != pipeline.log.name:
        raise HeadraceError(
            f"{asked.spec} folds another log than {asked.target}",
            why=f"its source is {answering.log.name}, that of {asked.target} is {pipeline.log.name}",
            fix=f"source=headrace.Topic({pipeline.log.name!r}, ...) in {asked.spec}",
        )


async def _plan(
    asked: Asked, settings: Settings, pipeline: Pipeline
) -> tuple[Orders, list[Passage], list[str]]:
    orders = Orders(asked.spec or asked.target, pipeline.log.name, settings, asked.into)
    async with survey.archive(pipeline, settings) as archive:
        source, consumer = pipeline.log.name, archive.consumer
        every = await survey.partitions(consumer, source, (), asked.target)
        tps = await survey.partitions(consumer, source, asked.partitions, asked.target)
        spans = await marks.spans(consumer, tps, asked.first, asked.last)
        specs = result_topics(pipeline, asked.into, len(every))
        passages, notes = await _passages(asked, archive, spans)
        await topics.create(archive.admin, specs)
        await _require_room(asked, archive, specs, spans)
    return orders, passages, notes


def result_topics(pipeline: Pipeline, into: str, partitions: int) -> list[TopicSpec]:
    """Return the topics that take the results of the run *into* of *pipeline*."""
    source = pipeline.source
    specs = topics.pipeline_topics(
        into,
        source.name,
        key=source.key,
        event=source.event_type.__name__,
        partitions=partitions,
        retention_s=source.retention_s,
    )
    return [spec for spec in specs if spec.name in (predictions_topic(into), dead_topic(into))]


async def _passages(
    asked: Asked, archive: survey.Archive, spans: Sequence[Span]
) -> tuple[list[Passage], list[str]]:
    """Return what to fold of each span, and what to say about it."""
    notes: list[str] = []
    spans = [span for span in spans if span.stop > span.start]
    if asked.is_fresh:
        return [Passage(s.partition, s.start, s.stop, publish_from=s.start) for s in spans], notes
    if asked.spec is not None:
        notes += [
            f"partition {s.partition} begins at {s.log_start}: {asked.spec} does not know what was before"
            for s in spans
            if s.log_start > 0
        ]
        return [Passage(s.partition, s.log_start, s.stop, publish_from=s.start) for s in spans], notes
    source = archive.pipeline.log.name
    pasts = await archive.past([TopicPartition(source, span.partition) for span in spans])
    passages = []
    for span, past in zip(spans, pasts, strict=True):
        try:
            origin = past.origin(span.start)
        except LostRecordsError as error:
            error.fix += "; or --fresh, for models that begin with nothing"
            raise
        passages.append(past.passage(span.stop, origin, publish_from=span.start))
    return passages, notes


async def _require_room(
    asked: Asked, archive: survey.Archive, specs: Sequence[TopicSpec], spans: Sequence[Span]
) -> None:
    """Refuse to mix the results with others; with ``--append``, to put earlier ones after later ones."""
    for found in await topics.check(archive.admin, specs):
        if found.problem:
            raise TopicError(
                f"topic {found.spec.name} {found.problem}",
                why="results go to the partition number of their event",
                fix=f"--into another name than {asked.into}",
            )
    consumer = archive.consumer
    for spec in specs:
        tps = [TopicPartition(spec.name, number) for number in range(spec.partitions)]
        starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
        n_records = sum(ends[tp] - starts[tp] for tp in tps)
        if n_records and not asked.appends:
            raise HeadraceError(
                f"topic {spec.name} holds {n_records:,} records already",
                why="the results of two runs could not be told apart",
                fix=f"--into another name than {asked.into}, or --append to go on after them",
            )
        if n_records:
            await _require_after(archive.consumer, spec.name, spans)


async def _require_after(consumer: AIOKafkaConsumer, topic: str, spans: Sequence[Span]) -> None:
    for span in spans:
        last = await _last_source(consumer, TopicPartition(topic, span.partition))
        if last is not None and span.stop > span.start and last.offset >= span.start:
            raise HeadraceError(
                f"partition {span.partition} of {topic} has results up to offset {last.offset} of the log",
                why=f"--append goes on after them, and --from means {span.start} there",
                fix=f"--from {last.offset + 1}",
            )


async def _last_source(consumer: AIOKafkaConsumer, tp: TopicPartition) -> Source | None:
    """Return what the last record of *tp* is a result of, ``None`` if there is none."""
    start, end = await log.bounds(consumer, tp.topic, tp.partition)
    if end <= start:
        return None
    consumer.assign([tp])
    consumer.seek(tp, end - 1)
    records = (await consumer.getmany(tp, timeout_ms=_LAST_POLL_MS)).get(tp, [])
    consumer.unsubscribe()
    return msgspec.json.decode(records[-1].value, type=_Result).source if records else None


class _Result(msgspec.Struct):
    source: Source
