"""What a worker needs to own partitions: keys, snapshots, decisions, the way results go out."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from faust.types import TP

from agents.answered import Answered
from agents.audit import Auditor
from agents.by_clock import ByClock
from agents.commands import Commands
from agents.learning import Learner
from agents.sealing import Sealer
from agents.worker_metrics import WorkerMetrics
from headrace.errors import SettingsError
from headrace.pipeline import Pipeline
from headrace.settings import FILE_NAME, Settings
from headrace.snapshots.codec import Codec
from headrace.snapshots.keys import Keyring
from headrace.snapshots.naming import missing_classes
from streams import client
from streams.app import HeadraceApp
from streams.choosing import OpenProcessor
from streams.kafka_ports import DecisionsTopic, KafkaGroup, TailReader
from streams.observer import Observer
from streams.outbox import Outbox
from streams.partitions import Partitions
from streams.ports import Outbox as OutboxPort
from streams.recovery import Recovered, Recovery
from streams.snapshot_topic import SnapshotTopic
from streams.snapshotting import Cadence, Written
from streams.standby import Standby
from streams.topics import decisions_topic, snapshots_topic
from streams.transactions import TransactionalOutbox
from streams.transport import raw_producer
from streams.version_slots import VersionSlots

log = structlog.get_logger(__name__)

FETCH_BYTES = 16 << 20


def keyring(settings: Settings) -> Keyring:
    """Return the keys that seal snapshots and sign commands."""
    return Keyring.load(keys_path(settings), production=settings.environment == "production")


def _require_allowed(pipeline: Pipeline, codec: Codec) -> None:
    """Refuse models whose snapshots could be written and never read again."""
    for name, model in pipeline.fresh_models().items():
        if missing := missing_classes(model, codec.allowed):
            raise SettingsError(
                f"model {name!r} holds what a snapshot may not name: {', '.join(missing)}",
                why="a snapshot may name river's classes and those that are listed: nothing else can run",
                fix=f"snapshot_classes = {missing}  in {FILE_NAME}".replace("'", '"'),
            )


def keys_path(settings: Settings) -> Path:
    """Return where the keys are."""
    return Path(settings.keys_file or Path(settings.data_dir) / "keys.json")


def sealer(pipeline: Pipeline, settings: Settings, keys: Keyring) -> Sealer:
    """Return what seals and opens the snapshots of *pipeline*."""
    codec = Codec(keys, encrypt=settings.snapshot_encryption, extra_classes=settings.snapshot_classes)
    _require_allowed(pipeline, codec)
    return Sealer(pipeline, codec, settings.snapshot_versions)


class Ownership(NamedTuple):
    """The partitions, what has to go on beside them for as long as the worker lives, and after each chunk."""

    partitions: Partitions
    beside: Sequence[Coroutine[Any, Any, None]]
    folded: Callable[[TP], Awaitable[None]] | None


class _Kafka(NamedTuple):
    """What lies in Kafka beside the log: snapshots and decisions, and what reads them."""

    reader: TailReader
    store: SnapshotTopic
    journal: DecisionsTopic


@asynccontextmanager
async def owning(
    app: HeadraceApp,
    pipeline: Pipeline,
    settings: Settings,
    metrics: WorkerMetrics,
    *,
    http: str,
    is_held: Callable[[], bool] = lambda: True,
) -> AsyncIterator[Ownership]:
    """Yield what owns the partitions of *app*'s worker."""
    keys = keyring(settings)
    sealing = sealer(pipeline, settings, keys)

    def open_processor(tp: TP) -> Learner:
        return Learner(sealing, tp, metrics)

    async with AsyncExitStack() as stack:
        kafka = _kafka(app, pipeline, await stack.enter_async_context(_reader(settings)))
        standby = None
        if settings.standbys:
            follower = await stack.enter_async_context(_reader(settings))
            standby = _standby(app, pipeline, kafka, follower, open_processor)
        partitions = Partitions(
            group=KafkaGroup(app),
            store=VersionSlots(kafka.store, pipeline.version),
            recovery=_recovery(pipeline, settings, metrics, kafka, http, open_processor),
            open_outbox=_outboxes(app, pipeline, settings),
            cadence=_cadence(settings),
            transactional=settings.delivery == "exactly_once",
            is_held=is_held,
            rewind=lambda: app.consumer.perform_seek(),  # noqa: PLW0108 - there is no consumer yet
            warm=standby.take if standby else lambda _: None,
            observer=Told(metrics),
        )
        commands = Commands(
            pipeline,
            partitions,
            keyring=keys,
            open_processor=open_processor,
            audit=Auditor(kafka.reader, lambda: raw_producer(app)).say,
            **kafka._asdict(),
        )
        beside = [commands.watch(), *([standby.follow()] if standby else [])]
        folded = None
        if pipeline.is_timed:
            by_clock = ByClock(pipeline.version, partitions, kafka.journal, commands.published_end)
            beside.append(by_clock.watch())
            folded = by_clock.folded
        yield Ownership(partitions, beside, folded)


def _kafka(app: HeadraceApp, pipeline: Pipeline, consumer: AIOKafkaConsumer) -> _Kafka:
    def producer() -> AIOKafkaProducer:
        return raw_producer(app)

    reader = TailReader(consumer)
    return _Kafka(
        reader,
        SnapshotTopic(snapshots_topic(pipeline.name), reader, producer),
        DecisionsTopic(decisions_topic(pipeline.name), reader, producer),
    )


def _recovery(
    pipeline: Pipeline,
    settings: Settings,
    metrics: WorkerMetrics,
    kafka: _Kafka,
    http: str,
    open_processor: OpenProcessor,
) -> Recovery:
    return Recovery(
        pipeline=pipeline.name,
        worker=f"{socket.gethostname()}-{os.getpid()}",
        http=http,
        version=pipeline.version,
        open_processor=open_processor,
        journal=kafka.journal,
        store=kafka.store,
        accept_lost_records=settings.accept_lost_records,
        on_refused=metrics.snapshot_refused,
        answered=Answered(pipeline, kafka.reader) if settings.delivery == "at_least_once" else None,
    )


def _standby(
    app: HeadraceApp,
    pipeline: Pipeline,
    kafka: _Kafka,
    consumer: AIOKafkaConsumer,
    open_processor: OpenProcessor,
) -> Standby:
    return Standby(
        consumer,
        topic=snapshots_topic(pipeline.name),
        store=kafka.store,
        log_topic=pipeline.log.name,
        open_processor=open_processor,
        is_owned=lambda tp: app.partitions is not None and tp in app.partitions,
    )


def _reader(settings: Settings) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
    return client.reader(
        settings.bootstrap or "", max_partition_fetch_bytes=FETCH_BYTES, fetch_max_bytes=4 * FETCH_BYTES
    )


def _cadence(settings: Settings) -> Cadence:
    return Cadence(
        interval_s=settings.snapshot_interval_s,
        events=settings.snapshot_events,
        keep_every=settings.snapshot_keep_every,
        keep=settings.snapshot_keep,
    )


def _outboxes(app: HeadraceApp, pipeline: Pipeline, settings: Settings) -> Callable[[TP], OutboxPort]:
    if settings.delivery == "at_least_once":
        return lambda tp: Outbox(lambda: raw_producer(app), tp.partition)
    return lambda tp: TransactionalOutbox(
        bootstrap=settings.bootstrap or "",
        group=pipeline.name,
        tp=tp,
        compression=settings.compression,
    )


class Told(Observer):
    """Puts what happens to partitions into the log and the metrics."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics

    def recovered(self, tp: TP, found: Recovered) -> None:
        """Take in that a partition was taken over, with a state."""
        self._metrics.recovered(found.how, found.load_s)
        next_offset = found.held.processor.next_offset
        log.info(
            "partition_recovered",
            topic=tp.topic,
            partition=tp.partition,
            how=found.how,
            epoch=found.epoch,
            next_offset=next_offset,
            frontier=found.frontier,
            replay=max(0, found.frontier - next_offset),
            load_s=round(found.load_s, 4),
        )

    def replayed(self, tp: TP, n_offsets: int) -> None:
        """Take in that a state has reached its frontier."""
        log.info("partition_replayed", topic=tp.topic, partition=tp.partition, offsets=n_offsets)

    def snapshot_written(self, tp: TP, written: Written) -> None:
        """Take in a snapshot stored."""
        self._metrics.snapshot_written(
            tp.partition, written.header.next_offset, written.size_bytes, written.cost_s
        )

    def snapshot_failed(self, reason: str) -> None:
        """Take in that a snapshot could not be made or stored."""
        self._metrics.snapshot_failed(reason)
