"""The intake agent: merges the sources of a pipeline into its log, checked, keyed, in canonical form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from faust.types import TP, StreamT

from headrace.dead_letters import Named, dead_letter, original_headers
from headrace.intake import Inlet, InletCounts, LogSource, Router, check_sources
from headrace.record import Record
from schemas import Refusal, Source
from schemas.cloudevents import DEAD_LETTER_TYPE, Headers, common_headers
from streams.app import HeadraceApp
from streams.intake import IntakePartitions, LogOutbox
from streams.kafka_ports import KafkaGroup
from streams.topics import dead_topic, log_topic
from streams.transport import raw_producer

Observe = Callable[[TP, InletCounts], None]

_encode = msgspec.json.Encoder().encode


class SourceInlet:
    """An inlet that writes into an outbox; what `streams` sees of intake.

    Parameters
    ----------
    pipeline
        Its name, label and limits.
    router
        Of the source topic.
    partition
        Of the source topic.
    observe
        Told what became of each chunk.
    """

    def __init__(self, pipeline: Named, router: Router, partition: int, observe: Observe) -> None:
        topic = router.source.topic
        self._pipeline = pipeline
        self._inlet = Inlet(router, partition)
        self._tp = TP(topic, partition)
        self._log = log_topic(pipeline.name)
        self._dead = dead_topic(pipeline.name)
        self._dead_partition = partition % router.n_partitions
        self._ce_source = f"/{pipeline.name}/{topic}/{partition}"
        self._observe = observe

    def process(self, records: Sequence[Any], outbox: LogOutbox) -> None:
        """Put what *records* become, and dead letters of those that are not valid, into *outbox*."""
        append, log = outbox.append, self._log

        def put(partition: int, key: bytes | None, value: bytes, timestamp_ms: int) -> None:
            append(log, partition, key, value, timestamp_ms)

        def dead(record: Record, value: bytes, refusal: Refusal) -> None:
            self._bury(record, value, refusal, outbox)

        self._observe(self._tp, self._inlet.step_chunk(records, put, dead))

    def _bury(self, record: Record, value: bytes, refusal: Refusal, outbox: LogOutbox) -> None:
        key = record.key
        if key is not None and len(key) > self._pipeline.limits.key_bytes:
            key = None
        source = Source(self._tp.topic, self._tp.partition, record.offset)
        letter = dead_letter(self._pipeline, source, (key, value, record.timestamp), refusal)
        headers: Headers = common_headers(DEAD_LETTER_TYPE, self._ce_source, datetime.now(UTC))
        headers += [("ce_id", letter.id.encode()), *original_headers(record.headers)]
        outbox.append(self._dead, self._dead_partition, key, _encode(letter), record.timestamp, headers)


def _unobserved(tp: TP, counts: InletCounts) -> None:
    """Let nobody know."""


def attach(
    app: HeadraceApp,
    pipeline: Named,
    sources: Sequence[LogSource],
    *,
    log_partitions: int,
    accept_lost_records: bool = False,
    observe: Observe = _unobserved,
) -> IntakePartitions:
    """Make *app* merge *sources* into the log of *pipeline*; return the source partitions it will own.

    Order: per source partition, as there. Delivery: into the log at least once, into the fold exactly once
    (`headrace.intake.Seen`). State: none but the committed offset. Failure: all but a bad record ends the
    worker.

    Whoever runs *app* lets the partitions own what is assigned of these topics, commit again and again,
    and settle before anything is taken away.

    Raises
    ------
    DeclarationError
        If the sources cannot make one log.
    """
    check_sources(sources, log_topic(pipeline.name))
    routers = {source.topic: Router(source, log_partitions, pipeline.limits) for source in sources}

    def open_inlet(tp: TP) -> SourceInlet:
        return SourceInlet(pipeline, routers[tp.topic], tp.partition, observe)

    partitions = IntakePartitions(
        group=KafkaGroup(app),
        open_inlet=open_inlet,
        open_outbox=lambda: LogOutbox(lambda: raw_producer(app)),
        accept_lost_records=accept_lost_records,
    )
    app.intake = partitions
    app.hot_topics |= routers.keys()
    app.merged_topics |= routers.keys()
    topic = app.topic(*routers, value_serializer="raw", value_type=None, key_serializer="raw", acks=False)

    async def take_in(stream: StreamT[Any]) -> None:
        async for event in stream.events():
            try:
                await partitions.process(event.value)
            except Exception as error:  # noqa: BLE001 - an exception that escapes loses a chunk in silence
                await app.crash(error)
                return

    app.agent(topic, name=f"{pipeline.name}.intake")(take_in)
    return partitions
