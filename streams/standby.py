"""A warm standby: states of partitions that other workers own, kept ready from their snapshots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from faust.types import TP

from headrace.errors import SnapshotError
from streams import reading
from streams.choosing import Held, OpenProcessor, age, chain
from streams.snapshot_topic import SnapshotTopic
from streams.snapshotting import LIVE, CostCeiling

log = structlog.get_logger(__name__)

_POLL_MS = 500


class Standby:
    """Follows the snapshots of all partitions that this worker does not own, and restores each new one.

    A takeover then only replays the records after the snapshot. Which worker will take a partition over is
    not known before, so each follows all others': the states of the whole pipeline lie in the memory of
    every worker.

    Parameters
    ----------
    consumer
        Started, without a group; belongs to the standby.
    topic, store
        The topic of snapshots, and what makes snapshots of its records.
    log_topic
        Names the partitions.
    is_owned
        Whether a partition is this worker's.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        *,
        topic: str,
        store: SnapshotTopic,
        log_topic: str,
        open_processor: OpenProcessor,
        is_owned: Callable[[TP], bool],
    ) -> None:
        self._consumer = consumer
        self._topic = topic
        self._store = store
        self._log_topic = log_topic
        self._open_processor = open_processor
        self._is_owned = is_owned
        self._ceiling = CostCeiling()
        self._records: dict[int, dict[bytes, ConsumerRecord]] = {}
        self._changed: set[int] = set()
        self._ready: dict[int, Held] = {}

    def take(self, tp: TP) -> Held | None:
        """Return the state kept ready for *tp*, and keep it no more."""
        return self._ready.pop(tp.partition, None)

    async def follow(self) -> None:
        """Follow for ever."""
        tps = await reading.require(self._consumer, self._topic)
        self._consumer.assign(tps)
        await self._consumer.seek_to_beginning(*tps)
        while True:
            fetched = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for tp, records in fetched.items():
                self._take_in(tp, records)
            if not fetched:  # the end is reached: now the newest is known
                await self._restore_next()

    def _take_in(self, tp: TopicPartition, records: list[ConsumerRecord]) -> None:
        kept = self._records.setdefault(tp.partition, {})
        for record in records:
            kept[record.key] = record
        self._changed.add(tp.partition)

    async def _restore_next(self) -> None:
        """Restore the newest snapshot of one partition, within what this may cost."""
        for partition in sorted(self._changed):
            tp = TP(self._log_topic, partition)
            if self._is_owned(tp):
                self._ready.pop(partition, None)
                continue
            if self._ceiling.is_reached:
                return
            self._changed.discard(partition)
            held, cost_s = await asyncio.to_thread(self._timed, tp)
            self._ceiling.spent(cost_s)
            if held is not None and not self._is_owned(tp):
                if partition not in self._ready:
                    log.info("standby_ready", partition=partition, next_offset=held.processor.next_offset)
                self._ready[partition] = held
            return

    def _timed(self, tp: TP) -> tuple[Held | None, float]:
        started = time.thread_time()
        held = self._restored(tp)
        return held, time.thread_time() - started

    def _restored(self, tp: TP) -> Held | None:
        """Return the state of the newest live snapshot; runs beside the event loop."""
        processor = self._open_processor(tp)
        blobs = {}
        for stored in self._store.stored(tp.partition, self._records[tp.partition].values(), LIVE):
            try:
                header = processor.header_of(stored.blob)
            except SnapshotError:
                continue
            blobs[header.id] = (header, stored.blob)
        newest = max((header for header, _ in blobs.values()), key=age, default=None)
        parts = None if newest is None else chain(newest, blobs)
        if newest is None or parts is None:
            return None
        try:
            processor.restore(parts)
        except SnapshotError as error:
            log.warning("standby_refused", partition=tp.partition, reason=error.reason, why=error.what)
            return None
        return Held(processor, newest.epoch, newest.decision, newest)
