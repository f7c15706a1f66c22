"""The learning agent: folds the chunks of a pipeline's log and publishes one result per event."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from faust.types import TP, StreamT

from agents.late_letters import Waiting, late
from agents.sealing import Sealer
from agents.worker_metrics import WorkerMetrics
from headrace import failpoints, mutants
from headrace.dead_letters import original_headers
from headrace.fold import Counts, Fold, Record
from headrace.pipeline import Pipeline
from schemas.cloudevents import (
    DEAD_LETTER_TYPE,
    FACT_TYPES,
    PREDICTION_TYPE,
    Headers,
    common_headers,
)
from schemas.decisions import Decision
from schemas.snapshots import SnapshotHeader
from streams.app import HeadraceApp
from streams.partitions import Partitions
from streams.ports import Outbox
from streams.topics import dead_topic, facts_topic, predictions_topic

SPARE_SLOTS = 3
"""Slots beyond those a restore needs: the one being written, and a whole set that was good before."""


class SealedCapture:
    """A capture of a fold that ends as a sealed snapshot."""

    def __init__(self, fold: Fold, sealer: Sealer, *, whole: bool) -> None:
        self._fold = fold
        self._sealer = sealer
        self._inner = fold.capture(whole=whole)
        self.next_offset = self._inner.next_offset
        self.reaches_back = self._inner.reaches_back

    @property
    def cost_s(self) -> float:
        """Seconds of processor time it has taken so far."""
        return self._inner.cost_s

    def advance(self, budget_s: float) -> bool:
        """Work for about *budget_s*; return whether all is done."""
        return self._inner.advance(budget_s)

    def blob(self, facts: Mapping[str, Any]) -> tuple[SnapshotHeader, bytes]:
        """Return the snapshot, sealed, and its header."""
        return self._sealer.seal(self._fold, self._inner, facts)

    def close(self, *, written: bool) -> None:
        """End; see `headrace.fold.Capture`."""
        self._inner.close(written=written)


class Learner:
    """A fold that writes its results into an outbox; what `streams` sees of a pipeline."""

    def __init__(self, sealer: Sealer, tp: TP, metrics: WorkerMetrics) -> None:
        pipeline = sealer.pipeline
        self.fold = Fold(pipeline, tp.topic, tp.partition, allowed=sealer.allowed)
        self._sealer = sealer
        self._name = pipeline.name
        self._predictions = predictions_topic(pipeline.name)
        self._dead = dead_topic(pipeline.name)
        self._source = f"/{pipeline.name}/{tp.topic}/{tp.partition}"
        self._metrics = metrics
        self._late: Waiting = deque()

    @property
    def next_offset(self) -> int:
        """Offset of the next record to fold."""
        return self.fold.next_offset

    @next_offset.setter
    def next_offset(self, offset: int) -> None:
        self.fold.next_offset = offset

    @property
    def live_slots(self) -> int:
        """How many slots the newest snapshots take turns in."""
        return self.fold.reach - 1 + SPARE_SLOTS

    def capture(self, *, whole: bool = False) -> SealedCapture:
        """Begin to write down the state at `next_offset`."""
        return SealedCapture(self.fold, self._sealer, whole=whole)

    def header_of(self, blob: bytes) -> SnapshotHeader:
        """Return the header of a snapshot that may be restored here; see `Sealer.header_of`."""
        return self._sealer.header_of(blob, self.fold.topic, self.fold.partition)

    def restore(self, blobs: Sequence[bytes]) -> None:
        """Become what the last of *blobs* says."""
        header, states = self._sealer.load(blobs)
        self.fold.restore(header.next_offset, states)

    def adopt_models(self, blobs: Sequence[bytes]) -> None:
        """Take over the models of a snapshot, and keep offset and step."""
        self.fold.adopt_models(self._sealer.load(blobs)[1])

    def require_possible(self, decision: Decision) -> None:
        """Refuse an order that cannot be carried out; see `headrace.fold.Fold.require_possible`."""
        self.fold.require_possible(decision.action, decision.model, decision.value)

    def carry_out(self, decision: Decision) -> None:
        """Carry out an order."""
        self.fold.order(decision.action, decision.model, decision.value)

    def late(self) -> Sequence[tuple[str, float]]:
        """Return the models that are too slow by the clock, and how many of their answers came late."""
        return self.fold.late()

    def take_costs(self) -> Sequence[tuple[str, float]]:
        """Return the steps whose cost has changed by the clock, and their microseconds an event."""
        return self.fold.take_costs()

    def process(self, records: Sequence[Any], outbox: Outbox | None) -> None:
        """Fold *records*; with no outbox, silently."""
        started = time.perf_counter()
        self.fold.time(None if outbox is None else time.perf_counter)  # of a replay, decisions tell
        counts = self.fold.step_chunk(records) if outbox is None else self._publish(records, outbox)
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
        append_dead = late(append, self._late) if mutants.active("dead_letter_after_commit") else append
        headers = [*common_headers(PREDICTION_TYPE, self._source, now), ("ce_id", b"")]
        headers_of: dict[str, Headers] = {}

        def emit(result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            headers[-1] = ("ce_id", result_id.encode())  # written out at once: one list serves all
            append(topic, key, value, record.timestamp, headers)

        def dead(letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            headers: Headers = common_headers(DEAD_LETTER_TYPE, self._source, now)
            headers += [("ce_id", letter_id.encode())]
            headers += original_headers(record.headers)
            append_dead(self._dead, key, value, record.timestamp, headers)
            if failpoints.armed:
                failpoints.reach("in_dead_letter")

        def tell(kind: str, fact_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            if kind not in headers_of:
                headers_of[kind] = [*common_headers(FACT_TYPES[kind], self._source, now), ("ce_id", b"")]
            headers = headers_of[kind]
            headers[-1] = ("ce_id", fact_id.encode())
            append(facts_topic(self._name, kind), key, value, record.timestamp, headers)

        return self.fold.step_chunk(records, emit, dead, tell)


def attach(
    app: HeadraceApp,
    pipeline: Pipeline,
    partitions: Partitions,
    folded: Callable[[TP], Awaitable[None]] | None = None,
) -> None:
    """Make *app* fold the log of *pipeline* and publish its predictions and dead letters.

    Order: per partition, as in the log. Delivery: as `partitions` is set. State: one fold per partition, from
    its newest snapshot where it moves. Failure: all but a bad record ends the worker. *folded* is called
    after each chunk; the next one waits for it.
    """
    app.partitions = partitions
    app.hot_topics |= {pipeline.log.name}
    log_topic = app.topic(
        pipeline.log.name,
        value_serializer="raw",
        value_type=None,
        key_serializer="raw",
        acks=False,
    )

    async def fold_chunks(stream: StreamT[Any]) -> None:
        async for event in stream.events():
            try:
                await partitions.process(event.message.tp, event.value)
                if folded is not None:
                    await folded(event.message.tp)
            except Exception as error:  # noqa: BLE001 - an exception that escapes loses a chunk in silence
                await app.crash(error)
                return

    app.agent(log_topic, name=f"{pipeline.name}.learning")(fold_chunks)
