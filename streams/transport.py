"""Chunk transport: one Faust message carries records of one partition from one fetch, or a round of several.

With `streams.consumer_thread` the only file that touches private parts of Faust and mode;
``tests/contract/test_seams.py`` asserts each of them. Why each seam is as it is:
docs/decisions/0002-chunk-transport.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import aiokafka
from aiokafka.errors import IllegalStateError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from streams.chunking import Chunk
from streams.consumer_thread import ChunkConsumerThread
from streams.merging import Merge, Round
from streams.ports import Committed

SEEKING_PAUSE_S = 0.005
BUFFER_FULL_PAUSE_S = 0.005
"""How long to wait while every partition is paused by back-pressure; Faust waits a whole second."""

PAUSED_WAIT_S = 0.02
"""How long to wait for other partitions while back-pressure pauses some; Faust waits a whole second.

Nothing ends that wait when a paused partition may go on: its records would lie there, fetched, until then.
"""


class ChunkApp(Protocol):
    """What the transport asks of the app it serves."""

    hot_topics: frozenset[str]
    merged_topics: frozenset[str]

    def chunk_size(self, tp: TP) -> int:
        """Return how many records of *tp* make a chunk now."""
        ...

    def positions(self) -> Mapping[TP, int]:
        """Return where reading of each hot partition goes on."""
        ...

    def paused(self) -> set[TP]:
        """Return the hot partitions that need not be read now."""
        ...


class ChunkConsumer(driver.Consumer):
    """Faust consumer that delivers hot topics in chunks and all other topics record by record."""

    app: Any
    _thread: ChunkConsumerThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Per hot partition: the offset after the last record fetched since the last seek.
        self._fetched_up_to: dict[TP, int] = {}
        self._n_seeks = 0
        self._merge = Merge()
        self._seeking = asyncio.Lock()  # one would move partitions that the other has just sought

    def _new_consumer_thread(self) -> ChunkConsumerThread:
        return ChunkConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def committed(self, tps: Sequence[TP]) -> dict[TP, Committed]:
        """Return what the group has committed of each partition."""
        found: dict[TP, Committed] = await self._thread.call_thread(self._thread.committed, tps)
        return {tp: found.get(tp, Committed(None)) for tp in tps}

    async def commit_noted(self, offsets: Mapping[TP, Committed]) -> bool:
        """Commit offsets with their notes; return whether this member still may."""
        done: bool = await self._thread.call_thread(self._thread.commit_noted, offsets)
        return done

    async def getmany(  # the name and its timeout are Faust's
        self,
        timeout: float,  # noqa: ASYNC109
    ) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield chunks of hot partitions in turn, and the records of other topics one by one."""
        if self._seeking.locked():
            # A fetch that begins within a seek may move the position after it: these records would be lost.
            await self.sleep(SEEKING_PAUSE_S)
            return
        generation_id, n_seeks = self.app.consumer_generation_id, self._n_seeks
        fetched, active = await self._wait_next_records(timeout)
        if not (fetched or self._merge.held) or self.should_stop:
            return
        if n_seeks != self._n_seeks:
            # A fetch that overlaps a seek may have moved the position after it: seek again, fetch again.
            await self._seek_again()
            return
        for tp, message in self._in_turn(self._wanted(fetched or {}, active or set()), generation_id):
            if (
                not self.flow_active
                or self.app.consumer_generation_id != generation_id
                or n_seeks != self._n_seeks
            ):
                # What was fetched and not delivered must be fetched again: the position is behind it.
                await self._seek_again()
                return
            yield tp, message
        if n_seeks != self._n_seeks:
            # A seek while the last one was delivered: Faust has noted its offset since, and would drop all
            # before it.
            await self._seek_again()

    async def _seek_again(self) -> None:
        """Seek, unless a rebalance has just taken the partitions away: it seeks itself when it is done."""
        try:
            await self.perform_seek()
        except IllegalStateError:
            self._fetched_up_to.clear()
            self._merge.clear()

    def _wanted(self, fetched: Mapping[TP, Any], active: set[TP]) -> list[tuple[TP, Chunk]]:
        """Return what may be delivered, each chunk knowing what was fetched before it.

        A hot partition is fetched from its committed offset as soon as it is assigned; until it was sought to
        where its state stands, that is not to be delivered.
        """
        wanted: list[tuple[TP, Chunk]] = []
        for tp, records in fetched.items():
            is_hot = tp.topic in self.app.hot_topics
            if not records or (is_hot and tp not in self._fetched_up_to):
                continue
            follows = self._fetched_up_to.get(tp, 0)
            if is_hot:
                self._fetched_up_to[tp] = records[-1].offset + 1
            if tp not in active and tp not in self._buffered_partitions:
                continue
            if tp.topic in self.app.merged_topics:
                self._merge.add(tp, Chunk(records, follows))
            else:
                wanted.append((tp, Chunk(records, follows)))
        return wanted

    def _in_turn(self, waiting: list[tuple[TP, Chunk]], generation_id: int) -> Iterator[tuple[TP, Any]]:
        """Yield one chunk of each hot partition after the other, and other topics record by record.

        Of merged topics each turn has a round: what comes up to a common time, as one message.
        """
        size, is_whole = self.app.chunk_size, True
        while waiting or is_whole:
            round_ = self._merge.take(size, self._more()) if self.app.merged_topics else []
            if round_:
                tp, chunk = round_[0]
                yield tp, self._wrap(tp, chunk, round_, generation_id)
            is_whole = bool(round_)
            rest: list[tuple[TP, Chunk]] = []
            for tp, chunk in waiting:
                if tp.topic not in self.app.hot_topics:
                    yield from ((tp, self._to_message(tp, record)) for record in chunk.records)
                    continue
                head, tail = chunk.split(size(tp))
                yield tp, self._wrap(tp, head, head, generation_id)
                if tail is not None:
                    rest.append((tp, tail))
            waiting = rest

    def _more(self) -> dict[TP, bool]:
        """Return of each merged partition whether the brokers have more of it, as far as is known."""
        merged = self.app.merged_topics
        return {tp: self._thread.has_more(tp) for tp in self._fetched_up_to if tp.topic in merged}

    async def _getmany(
        self,
        active_partitions: set[TP] | None,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> Any:
        """Fetch nothing of what is held back, or paused."""
        wanted = active_partitions
        if wanted is not None and (held := self._merge.held | self.app.paused() | self._full(wanted)):
            wanted = wanted - held
            timeout = min(timeout, PAUSED_WAIT_S)
            if not wanted:
                await self.sleep(BUFFER_FULL_PAUSE_S)
                return {}
        return await super()._getmany(wanted, timeout)

    def _full(self, active: set[TP]) -> set[TP]:
        """Return all merged partitions of *active* if one is paused: a round is a message of one of them."""
        merged = self.app.merged_topics
        if not any(tp.topic in merged for tp in self._buffered_partitions):
            return set()
        return {tp for tp in active if tp.topic in merged}

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Forget where partitions stood: nothing is delivered before the next seek."""
        self._fetched_up_to.clear()
        self._merge.clear()
        await super().on_partitions_revoked(revoked)

    def _wrap(self, tp: TP, chunk: Chunk, value: Chunk | Round, generation_id: int) -> ConsumerMessage:
        """Make *value* one message; its offset is the last one of *chunk*, so a stale one is dropped."""
        last = chunk.records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp / 1000.0,
            last.timestamp_type,
            [],
            None,
            value,  # type: ignore[arg-type] # the point of this class
            None,
            tp=tp,
            generation_id=generation_id,
        )

    async def _wait_next_records(
        self,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> tuple[Any, set[TP] | None]:
        if self.flow_active and not self.app.client_only and not self._get_active_partitions():
            await self.sleep(BUFFER_FULL_PAUSE_S)
            return {}, set()
        if self._buffered_partitions:
            timeout = min(timeout, PAUSED_WAIT_S)
        return await super()._wait_next_records(timeout)

    async def perform_seek(self) -> None:
        """Seek to the committed offsets as Faust does, then hot partitions to where their state stands."""
        async with self._seeking:
            self._n_seeks += 1
            self._fetched_up_to = {}  # for a moment all stand at their committed offset: deliver nothing hot
            self._merge.clear()
            await super().perform_seek()
            owned = self.assignment()
            target = {tp: offset for tp, offset in self.app.positions().items() if tp in owned}
            if target:
                await self.seek_wait(target)
                self._read_offset.update(target)
            self._fetched_up_to = target
            self._n_seeks += 1


class Batch:
    """Records on their way to one partition, put together without aiokafka's checks of each record.

    Attributes
    ----------
    put
        ``put(n_records, timestamp_ms, key, value, headers)`` adds a record; ``None`` if the batch is full.
    n_records
        How many there are; to be counted up by who calls `put`.
    """

    __slots__ = ("_builder", "n_records", "put")

    def __init__(self, producer: aiokafka.AIOKafkaProducer) -> None:
        self._builder = producer.create_batch()
        self.put: Callable[..., Any] = self._builder._builder.append
        self.n_records = 0

    def close(self) -> Any:
        """Return what the producer's ``send_batch`` takes."""
        self._builder._relative_offset = self.n_records
        self._builder.close()
        return self._builder


class IdempotentProducer(driver.Producer):
    """Faust producer whose retries cannot duplicate or reorder."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class ChunkTransport(driver.Transport):
    """Faust's aiokafka transport with our consumer and producer."""

    Consumer = ChunkConsumer
    Producer = IdempotentProducer


def raw_producer(app: Any) -> aiokafka.AIOKafkaProducer:
    """Return the aiokafka producer inside *app*'s producer."""
    return app.producer._producer


async def partitions_by_topic(client: Any) -> dict[str, list[int]]:
    """Return the partitions of every topic, fresh from the broker.

    *client* is an aiokafka consumer or producer, whose own look-up knows only subscribed topics.
    """
    kafka = client._client if hasattr(client, "_client") else client.client
    metadata = await kafka.fetch_all_metadata()
    return {topic: sorted(metadata.partitions_for_topic(topic) or ()) for topic in metadata.topics()}
