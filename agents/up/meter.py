"""How far a pipeline is, by the offsets in Kafka: right whatever its workers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from headrace.pipeline import Pipeline
from schemas import DeadLetter
from streams import client, groups, reading
from streams.topics import dead_topic, predictions_topic

ANSWER_TIMEOUT_S = 3.0
_FETCH_MS = 200
_decode = msgspec.json.Decoder(DeadLetter).decode


class Progress(NamedTuple):
    """Where a pipeline stands: records since the meter was opened, and each partition's lag.

    ``waiting`` counts the records that intake has still to take into the log.
    """

    predictions: int
    dead: int
    lags: dict[int, int]
    waiting: int
    latest: DeadLetter | None


class Meter:
    """Counts what comes out of a pipeline and what still waits; made by `opened`."""

    def __init__(self, pipeline: Pipeline, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient) -> None:
        self._pipeline = pipeline
        self._consumer = consumer
        self._admin = admin
        self._log: list[TopicPartition] = []
        self._sources: dict[str, list[TopicPartition]] = {}
        self._predictions: list[TopicPartition] = []
        self._dead: list[TopicPartition] = []
        self._before: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._latest: DeadLetter | None = None

    async def start(self) -> None:
        """Begin to count here."""
        name = self._pipeline.name
        self._log = await reading.require(self._consumer, self._pipeline.log.name)
        for source in self._pipeline.log_sources:
            self._sources[source.topic] = await reading.require(self._consumer, source.topic)
        self._predictions = await reading.require(self._consumer, predictions_topic(name))
        self._dead = await reading.require(self._consumer, dead_topic(name))
        self._consumer.assign(self._dead)
        everything = [*self._log, *self._predictions, *self._dead]
        self._before = self._ends = await self._consumer.end_offsets(everything)
        for tp in self._dead:
            self._consumer.seek(tp, self._ends[tp])

    async def read(self) -> Progress:
        """Return where the pipeline stands now.

        Raises
        ------
        TimeoutError, aiokafka.errors.KafkaError
            If no broker answers.
        """
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            ends = await self._consumer.end_offsets(list(self._before))
            lags = await self._lags(self._log)
            waiting = [await self._lags(tps) for tps in self._sources.values()]
            await self._read_latest(ends)
        self._ends = ends
        n_waiting = sum(lag for found in waiting for lag in found.values())
        return Progress(
            self._grown(self._predictions), self._grown(self._dead), lags, n_waiting, self._latest
        )

    async def _lags(self, tps: list[TopicPartition]) -> dict[int, int]:
        """Return the lag of each partition of the topic that *tps* are of."""
        starts, ends = await self._consumer.beginning_offsets(tps), await self._consumer.end_offsets(tps)
        numbers = [tp.partition for tp in tps]
        done = await groups.committed(self._admin, self._pipeline.name, tps[0].topic, numbers)
        return {tp.partition: ends[tp] - max(starts[tp], done.get(tp.partition, 0)) for tp in tps}

    async def _read_latest(self, ends: dict[TopicPartition, int]) -> None:
        """Fetch the last of the new dead letters, however many there are."""
        grown = [tp for tp in self._dead if ends[tp] > self._ends[tp]]
        for tp in grown:
            self._consumer.seek(tp, ends[tp] - 1)
        if not grown:
            return
        fetched = await self._consumer.getmany(*grown, timeout_ms=_FETCH_MS)
        letters = [record for records in fetched.values() for record in records]
        if letters:
            self._latest = _decode(max(letters, key=lambda record: record.timestamp).value)

    def _grown(self, tps: list[TopicPartition]) -> int:
        return sum(self._ends[tp] - self._before[tp] for tp in tps)


@asynccontextmanager
async def opened(bootstrap: str, pipeline: Pipeline) -> AsyncIterator[Meter]:
    """Yield a meter that counts from now on."""
    async with client.reader(bootstrap) as consumer, client.admin(bootstrap) as admin:
        meter = Meter(pipeline, consumer, admin)
        await meter.start()
        yield meter
