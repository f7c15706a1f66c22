"""One source partition on its way into the log: the step that intake makes for each chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from msgspec import Raw

from headrace.intake.placing import Placer
from headrace.intake.routing import Router
from headrace.record import Record
from schemas.log import LogRecord, encode
from schemas.refusals import Refusal
from schemas.results import Source

Put: TypeAlias = Callable[[int, bytes | None, bytes, int], None]
"""Takes a record of the log: its partition, key, value, and the time of the original in milliseconds."""

Dead: TypeAlias = Callable[[Record, bytes, Refusal], None]
"""Takes a record that is not valid, its value, and why."""


class InletCounts:
    """What became of a chunk: records taken in, tombstones left out, refused ones by reason."""

    __slots__ = ("dead", "filtered", "taken")

    def __init__(self) -> None:
        self.taken = 0
        self.filtered = 0
        self.dead: dict[str, int] = {}


class Inlet:
    """Writes the records of one source partition for the log, in order.

    Make a new one whenever reading begins at a committed offset: see `Placer`.

    Parameters
    ----------
    router
        Of the topic.
    partition
        Number of the source partition.
    """

    def __init__(self, router: Router, partition: int) -> None:
        self._kind = router.source.kind
        self._topic = router.source.topic
        self._partition = partition
        self._route = router.route
        self._place = Placer(router.n_partitions).place

    def step_chunk(self, records: Iterable[Record], put: Put, dead: Dead) -> InletCounts:
        """Hand what *records* become to *put*, and what is not valid to *dead*."""
        kind, topic, number = self._kind, self._topic, self._partition
        counts, route, place = InletCounts(), self._route, self._place
        for record in records:
            try:
                routed = route(record.key, record.value, number)
            except Refusal as refusal:
                counts.dead[refusal.reason] = counts.dead.get(refusal.reason, 0) + 1
                dead(record, record.value or b"", refusal)
                continue
            if routed is None:
                counts.filtered += 1
                continue
            key, partitions, data = routed
            offset, timestamp_ms = record.offset, record.timestamp
            source, raw = Source(topic, number, offset), Raw(data)
            for partition in partitions:
                after = place(offset, partition)
                put(
                    partition,
                    key,
                    encode(LogRecord(kind, source, after, timestamp_ms, raw)),
                    timestamp_ms,
                )
            counts.taken += 1
        return counts
