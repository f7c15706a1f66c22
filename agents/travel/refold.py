"""One process's share of folding a log again: some partitions, each over a range of offsets."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from math import inf
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer

from agents.garbage import collect_rarely
from agents.ownership import keyring, sealer
from agents.sealing import Sealer
from agents.travel import log
from agents.travel.crew import Tell
from agents.travel.passage import Orders, Passage, Passed, Place, Turn
from agents.travel.publishing import Publisher
from headrace.errors import OrderError, SnapshotError
from headrace.fold import Counts, Fold, Record
from headrace.loading import load_pipeline
from headrace.witness import Witness
from streams import client

SLICE_RECORDS = 1_000
"""Folded at a time; between two slices results leave and the next fetch arrives."""

_BATCH_BYTES = 512 << 10


def refold(orders: Orders, passages: Sequence[Passage], tell: Tell) -> list[Passed]:
    """Fold the partitions of *passages*; *tell* how many records are done now and then."""
    return asyncio.run(_refold(orders, passages, tell))


async def _refold(orders: Orders, passages: Sequence[Passage], tell: Tell) -> list[Passed]:
    sealing = opened(orders)
    async with _producer(orders) as producer:

        def loud(fold: Fold) -> Loud:
            return Publisher(fold, orders.into or "", producer)

        under_way = [
            Refold(sealing, orders.topic, passage, None if orders.into is None else loud)
            for passage in passages
        ]
        return await through(orders, passages, under_way, tell)


def opened(orders: Orders) -> Sealer:
    """Return the pipeline of *orders* with what opens its snapshots; get the process ready to fold."""
    sealing = sealer(load_pipeline(orders.target), orders.settings, keyring(orders.settings))
    collect_rarely()
    return sealing


async def through(
    orders: Orders, passages: Sequence[Passage], under_way: Sequence[Refold], tell: Tell
) -> list[Passed]:
    """Lead the log through the folds *under_way*, one for each passage."""
    ranges = {passage.partition: (passage.start, passage.stop) for passage in passages}
    folds = dict(zip(ranges, under_way, strict=True))
    async with log.reader(orders.settings.bootstrap or "", orders.topic) as consumer:
        async for partition, records in log.read(consumer, orders.topic, ranges):
            for i in range(0, len(records), SLICE_RECORDS):
                part = records[i : i + SLICE_RECORDS]
                await folds[partition].fold(part)
                tell(len(part))
                await asyncio.sleep(0)
    return [await fold.finish() for fold in under_way]


@asynccontextmanager
async def _producer(orders: Orders) -> AsyncIterator[AIOKafkaProducer | None]:
    if orders.into is None:
        yield None
        return
    compression = orders.settings.compression
    async with client.producer(
        orders.settings.bootstrap or "",
        max_batch_size=_BATCH_BYTES,
        compression_type=None if compression == "none" else compression,
    ) as producer:
        yield producer


class Loud(Protocol):
    """Takes the results of a fold."""

    async def step_chunk(self, records: Sequence[Record]) -> Counts:
        """Fold *records* and do something with the results."""
        ...

    async def finish(self) -> None:
        """Return when all of it is done."""
        ...


class Refold:
    """Folds one partition, and does at each offset what is to be done there.

    Parameters
    ----------
    loud
        Makes what takes the results from ``passage.publish_from`` on; ``None``: they are for nobody.
    witness
        Notes what the models are asked and taught.
    """

    def __init__(
        self,
        sealing: Sealer,
        topic: str,
        passage: Passage,
        loud: Callable[[Fold], Loud] | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._sealing = sealing
        self._passage = passage
        self._models = _fold(sealing, topic, passage.partition, witness)
        self._models.next_offset = passage.start
        if passage.blobs:
            header, states = sealing.load(passage.blobs)
            self._models.restore(header.next_offset, states)
        self._loud = None if loud is None else loud(self._models)
        self._is_loud = False
        self._passed = Passed(passage.partition, passage.stop)
        self._todo: list[tuple[tuple[int, float], Turn | Place | None]] = sorted(
            [
                *(((turn.at, turn.decision), turn) for turn in passage.turns),
                *(((place.at, place.decision + 0.5), place) for place in passage.places),
                *(((at, inf), None) for at in [passage.publish_from] if at is not None),
            ],
            key=lambda one: one[0],
        )

    async def fold(self, records: Sequence[Any]) -> None:
        """Fold *records*, which follow those before."""
        while self._todo and records:
            (at, _), _ = self._todo[0]
            n = bisect_left(records, at, key=lambda record: record.offset)
            await self._step(records[:n])
            if n == len(records):
                return
            self._do(self._todo.pop(0)[1])
            records = records[n:]
        await self._step(records)

    async def finish(self) -> Passed:
        """Do what is left to do at the end, and return what came of it all."""
        if self._loud is not None:
            await self._loud.finish()
        self._models.next_offset = self._passage.stop
        while self._todo and self._todo[0][0][0] <= self._passage.stop:
            self._do(self._todo.pop(0)[1])
        self._passed.step = self._models.step
        self._passed.digest = self._models.digest()
        self._passed.models_digest = _models_digest(self._models)
        self._passed.expected = [self._fingerprint(blobs) for blobs in self._passage.expected]
        if self._passage.facts is not None:
            self._passed.snapshot = self._sealed(self._passage.facts)
        return self._passed

    async def _step(self, records: Sequence[Any]) -> None:
        for first, last in self._passage.excluded:
            records = [record for record in records if not first <= record.offset <= last]
        if not records:
            return
        if self._loud is None or not self._is_loud:
            self._models.step_chunk(records)
            self._passed.silent += len(records)
            return
        counts = await self._loud.step_chunk(records)
        self._passed.predicted += counts.predicted
        self._passed.tombstones += counts.filtered
        self._passed.dead += sum(counts.dead.values())

    def _do(self, what: Turn | Place | None) -> None:
        if isinstance(what, Place):
            self._passed.digests[what] = self._models.digest()
        elif isinstance(what, Turn):
            self._take(what)
        else:
            self._is_loud = True

    def _take(self, turn: Turn) -> None:
        if turn.order is None:
            self._models.adopt_models(self._sealing.load([turn.blob])[1])
            return
        with suppress(OrderError):  # to the models of another version it may say nothing: as in a worker
            self._models.order(turn.order.action, turn.order.model, turn.order.value)

    def _fingerprint(self, blobs: Sequence[bytes]) -> str:
        restored = _fold(self._sealing, self._models.topic, self._models.partition)
        try:
            header, states = self._sealing.load(blobs)
            restored.restore(header.next_offset, states)
        except SnapshotError as error:
            return f"({error.reason}: {error.why or error.what})"
        return restored.digest()

    def _sealed(self, facts: Mapping[str, int]) -> bytes:
        """Return the state as a whole snapshot, sealed."""
        capture = self._models.capture(whole=True, at_once=True)
        try:
            while not capture.advance(1.0):
                pass  # each call does a second's work
            return self._sealing.seal(self._models, capture, facts)[1]
        finally:
            capture.close(written=True)


def _fold(sealing: Sealer, topic: str, partition: int, witness: Witness | None = None) -> Fold:
    return Fold(sealing.pipeline, topic, partition, allowed=sealing.allowed, witness=witness)


def _models_digest(fold: Fold) -> str:
    """Return the fingerprint of the models alone: a decision changes them, and the step goes on."""
    step, fold.step = fold.step, 0
    try:
        return fold.digest()
    finally:
        fold.step = step
