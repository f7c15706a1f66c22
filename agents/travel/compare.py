"""`headrace diff`: the results of two runs side by side, event by event, in bounded memory."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import reduce
from operator import add

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.travel import crew, log
from agents.travel.crew import Tell
from agents.travel.labels import Labels
from agents.travel.results import Result, Results
from agents.travel.tally import Tally
from headrace.errors import HeadraceError, TargetError, TopicError
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from streams import client
from streams.topics import predictions_topic
from streams.transport import partitions_by_topic

_TELL_EVERY = 2_000


class Run(msgspec.Struct, frozen=True):
    """A topic of results, and where each of its partitions begins and ends."""

    topic: str
    bounds: dict[int, tuple[int, int]]

    @property
    def n_records(self) -> int:
        """How many records it has."""
        return sum(end - start for start, end in self.bounds.values())


class Runs(msgspec.Struct, frozen=True):
    """What is compared: two runs on the partitions that either has, and the labels of ``target`` if given."""

    a: Run
    b: Run
    bootstrap: str
    target: str | None = None

    @property
    def partitions(self) -> list[int]:
        """Partitions that either has."""
        return sorted(self.a.bounds.keys() | self.b.bounds.keys())

    @property
    def n_records(self) -> int:
        """How many results there are to read."""
        return self.a.n_records + self.b.n_records


async def find(bootstrap: str, a: str, b: str, target: str | None) -> Runs:
    """Return the runs that *a* and *b* name: a topic, a run, a pipeline, or its TARGET.

    Raises
    ------
    TopicError
        If there is no such topic of results.
    """
    async with client.reader(bootstrap) as consumer:
        there = await partitions_by_topic(consumer)
        first, second = [await _run(consumer, there, name) for name in (a, b)]
    return Runs(first, second, bootstrap, target)


def compare(runs: Runs, tell: Tell, workers: int | None = None) -> list[Tally]:
    """Return the comparison of each partition; *tell* how many more results are read."""
    partitions = runs.partitions
    n = min(workers or os.cpu_count() or 1, max(1, len(partitions)))
    found = crew.run(_share, [(runs, partitions[i::n]) for i in range(n)], tell)
    return sorted((tally for part in found for tally in part), key=lambda tally: tally.partition)


def total(tallies: Sequence[Tally]) -> Tally:
    """Return the sum of *tallies*; what is first is left out."""
    whole = Tally(-1)
    for name in Tally.__struct_fields__:
        if name != "partition" and not name.startswith("first_"):
            setattr(whole, name, reduce(add, (getattr(t, name) for t in tallies), getattr(whole, name)))
    return whole


async def _run(consumer: AIOKafkaConsumer, there: dict[str, list[int]], name: str) -> Run:
    topic = name if name.endswith(predictions_topic("")) else predictions_topic(name)
    if topic not in there and topic != name:
        topic = predictions_topic(_pipeline_name(name))
    if topic not in there:
        raise TopicError(
            f"there are no results of {name}",
            why=f"topic {topic} does not exist",
            fix="headrace topics ls   lists all; a run is named by its --into, a pipeline by its name",
        )
    tps = [TopicPartition(topic, number) for number in there[topic]]
    starts, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    return Run(topic, {tp.partition: (starts[tp], ends[tp]) for tp in tps})


def _pipeline_name(name: str) -> str:
    """Return the name of the pipeline that *name* leads to, or *name* if it leads to none."""
    is_place = name.endswith(".py") or ":" in name
    try:
        return load_pipeline(name).name if is_place or "." in name else name
    except TargetError:
        if is_place:
            raise
        return name


def _share(runs: Runs, partitions: Sequence[int], tell: Tell) -> list[Tally]:
    return asyncio.run(_compare_all(runs, partitions, tell))


async def _compare_all(runs: Runs, partitions: Sequence[int], tell: Tell) -> list[Tally]:
    pipeline = None if runs.target is None else load_pipeline(runs.target)
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(log.reader(runs.bootstrap, run.topic)) for run in (runs.a, runs.b)
        ]
        labels = None
        if pipeline is not None:
            source = pipeline.log.name
            labels = Labels(pipeline, await stack.enter_async_context(log.reader(runs.bootstrap, source)))
        return [await _Pairing(runs, p, readers, labels).compare(tell) for p in partitions]


class _Lack:
    """The results that one run lacks and the other has: outside of its range, or missing within."""

    def __init__(self) -> None:
        self.missing = 0
        self.outside = 0
        self.first_missing: int | None = None
        self._waiting = 0
        self._since = -1
        self._has_begun = False

    def lacks(self, offset: int) -> None:
        """Take in that it has no result of the event at *offset*."""
        self._since = offset if self._waiting == 0 else self._since
        self._waiting += 1

    def is_there(self) -> None:
        """Take in that it has one."""
        if self._waiting and self._has_begun:
            self.missing += self._waiting
            self.first_missing = self._since if self.first_missing is None else self.first_missing
        else:
            self.outside += self._waiting
        self._waiting, self._has_begun = 0, True

    def ends(self) -> None:
        """Take in that there are no more."""
        self.outside += self._waiting
        self._waiting = 0


async def pairs(
    a: AsyncIterator[Result], b: AsyncIterator[Result]
) -> AsyncIterator[tuple[Result | None, Result | None]]:
    """Yield the results of both for each event, ``None`` for one that is lacking; both come in order."""
    left, right = await anext(a, None), await anext(b, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.place < right.place):
            yield left, None
            left = await anext(a, None)
        elif left is None or right.place < left.place:
            yield None, right
            right = await anext(b, None)
        else:
            yield left, right
            left, right = await anext(a, None), await anext(b, None)


class _Pairing:
    """Compares the results of one partition."""

    def __init__(
        self, runs: Runs, partition: int, readers: Sequence[AIOKafkaConsumer], labels: Labels | None
    ) -> None:
        self._runs = runs
        self._sides = [
            Results(reader, run.topic, partition)
            for run, reader in zip((runs.a, runs.b), readers, strict=True)
        ]
        self._streams = [
            side.read(*run.bounds.get(partition, (0, 0)))
            for run, side in zip((runs.a, runs.b), self._sides, strict=True)
        ]
        self._labels = labels
        self._tally = Tally(partition)
        self._lacks = _Lack(), _Lack()

    async def compare(self, tell: Tell) -> Tally:
        """Go through both and return what was counted."""
        n_read = 0
        async for a, b in pairs(*self._streams):
            if a is not None and b is not None:
                await self._both(a, b)
            self._note(a, b)
            n_read += (a is not None) + (b is not None)
            if n_read >= _TELL_EVERY:
                tell(n_read)
                n_read = 0
        tell(n_read)
        return self._counted()

    async def _both(self, a: Result, b: Result) -> None:
        tally, labels = self._tally, self._labels
        if tally.both == 0:
            self._require_same_log(a, b)
            if labels is not None:
                await labels.begin(tally.partition, a.offset)
        tally.add(a, b)
        if labels is not None and (label := await labels.of(a.offset)) is not None:
            tally.judge(a, b, label, labels.pipeline.task)

    def _note(self, a: Result | None, b: Result | None) -> None:
        for lack, mine, other in zip(self._lacks, (a, b), (b, a), strict=True):
            if mine is not None:
                lack.is_there()
            elif other is not None:
                lack.lacks(other.offset)

    def _counted(self) -> Tally:
        tally, (lack_a, lack_b), (side_a, side_b) = self._tally, self._lacks, self._sides
        lack_a.ends()
        lack_b.ends()
        tally.missing_a, tally.outside_a, tally.repeated_a = lack_a.missing, lack_a.outside, side_a.repeated
        tally.missing_b, tally.outside_b, tally.repeated_b = lack_b.missing, lack_b.outside, side_b.repeated
        firsts = [n for n in (lack_a.first_missing, lack_b.first_missing) if n is not None]
        tally.first_missing = min(firsts, default=None)
        return tally

    def _require_same_log(self, a: Result, b: Result) -> None:
        logs = [a.said.source.topic, b.said.source.topic]
        if logs[0] != logs[1]:
            raise HeadraceError(
                f"{self._runs.a.topic} and {self._runs.b.topic} are about different logs",
                why=f"one answers the events of {logs[0]}, the other those of {logs[1]}",
                fix="compare runs on one log",
            )
        if self._labels is not None and self._labels.pipeline.log.name != logs[0]:
            raise HeadraceError(
                f"{self._runs.target} is a pipeline on another log",
                why=f"its source is {self._labels.pipeline.log.name}, the results are about {logs[0]}",
                fix="--target with a pipeline on that log, or none",
            )


def require_task(pipeline: Pipeline) -> None:
    """Refuse a pipeline that has no labels to compare with."""
    if pipeline.target is None:
        raise HeadraceError(
            f"{pipeline.label} has no labels",
            why="it is declared without a target",
            fix="leave --target out, or name a pipeline that has one",
        )
