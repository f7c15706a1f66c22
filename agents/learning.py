"""The learning agent: folds the chunks of a pipeline's log and publishes one result per event."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from faust.types import TP, StreamT

from agents.worker_metrics import WorkerMetrics
from headrace.fold import Counts, Fold, Record
from headrace.pipeline import Pipeline
from schemas.cloudevents import (
    DEAD_LETTER_TYPE,
    PREDICTION_TYPE,
    Headers,
    common_headers,
)
from streams.app import HeadraceApp
from streams.outbox import Outbox
from streams.partitions import Partitions
from streams.topics import dead_topic, predictions_topic
from streams.transport import committer, raw_producer

HEADERS_MAX_BYTES = 65_536
"""Original headers beyond this are not copied into a dead letter: its topic could not hold them."""


class Learner:
    """A fold that writes its results into an outbox; what `streams` sees of a pipeline."""

    def __init__(self, pipeline: Pipeline, tp: TP, metrics: WorkerMetrics) -> None:
        self.fold = Fold(pipeline, tp.topic, tp.partition)
        self._predictions = predictions_topic(pipeline.name)
        self._dead = dead_topic(pipeline.name)
        self._source = f"/{pipeline.name}/{tp.topic}/{tp.partition}"
        self._metrics = metrics

    @property
    def next_offset(self) -> int:
        """Offset of the next record to fold."""
        return self.fold.next_offset

    @next_offset.setter
    def next_offset(self, offset: int) -> None:
        self.fold.next_offset = offset

    def process(self, records: Sequence[Any], outbox: Outbox | None) -> None:
        """Fold *records*; with no outbox, silently."""
        started = time.perf_counter()
        if outbox is None:
            counts = self.fold.step_chunk(records, _silent, _silent)
        else:
            counts = self._publish(records, outbox)
        self._metrics.chunk(
            self.fold,
            records,
            counts,
            replayed=outbox is None,
            elapsed_s=time.perf_counter() - started,
        )

    def _publish(self, records: Sequence[Record], outbox: Outbox) -> Counts:
        now = datetime.now(UTC)
        append, topic = outbox.append, self._predictions
        headers = [*common_headers(PREDICTION_TYPE, self._source, now), ("ce_id", b"")]

        def emit(result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            headers[-1] = ("ce_id", result_id.encode())  # written out at once: one list serves all
            append(topic, key, value, record.timestamp, headers)

        def dead(letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            headers: Headers = common_headers(DEAD_LETTER_TYPE, self._source, now)
            headers += [("ce_id", letter_id.encode())]
            headers += _original(record.headers)
            append(self._dead, key, value, record.timestamp, headers)

        return self.fold.step_chunk(records, emit, dead)


def _original(headers: Sequence[tuple[str, bytes | None]]) -> Headers:
    """Return *headers* for a dead letter, or in place of too many of them how many there were."""
    size_bytes = sum(len(name) + len(content or b"") for name, content in headers)
    if size_bytes > HEADERS_MAX_BYTES:
        return [("headrace-headers-left-out", b"%d headers, %d bytes" % (len(headers), size_bytes))]
    return [(f"orig-{name}", content) for name, content in headers]


def _silent(result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
    """Publish nothing: the result is out already."""


def attach(app: HeadraceApp, pipeline: Pipeline, metrics: WorkerMetrics) -> None:
    """Make *app* fold the log of *pipeline* and publish its predictions and dead letters.

    Order: per partition, as in the log. Delivery: at least once, duplicates with equal id. State: one
    fold per partition, rebuilt from the log where it moves. Failure: all but a bad record ends the worker.
    """
    partitions = Partitions(
        lambda tp: Learner(pipeline, tp, metrics),
        lambda tp: Outbox(lambda: raw_producer(app), tp.partition),
        committer(app),
    )
    app.partitions = partitions
    app.hot_topics = frozenset({pipeline.source.name})
    log_topic = app.topic(
        pipeline.source.name,
        value_serializer="raw",
        value_type=None,
        key_serializer="raw",
        acks=False,
    )

    async def fold_chunks(stream: StreamT[Any]) -> None:
        async for event in stream.events():
            try:
                if event.message.tp in partitions:
                    await partitions[event.message.tp].process(event.value)
            except Exception as error:  # noqa: BLE001 - an exception that escapes loses a chunk in silence
                await app.crash(error)
                return

    app.agent(log_topic, name=f"{pipeline.name}.learning")(fold_chunks)
