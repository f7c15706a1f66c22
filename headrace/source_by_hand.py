"""A source topic without Kafka: what intake makes of records that a test sends."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from headrace.dead_letters import Named, dead_letter
from headrace.intake import Inlet, LogSource, Router
from headrace.record import Record
from schemas import DeadLetter, Refusal, Source


class _Sent(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: tuple[tuple[str, bytes | None], ...] = ()


class SourceByHand:
    """One source topic on its way into the log."""

    def __init__(
        self,
        source: LogSource,
        pipeline: Named,
        put: Callable[[bytes | None, bytes, int], None],
        dead: Callable[[DeadLetter], None],
    ) -> None:
        self._topic = source.topic
        self._pipeline = pipeline
        self._inlet = Inlet(Router(source, 1, pipeline.limits), 0)
        self.offset = 0
        self._write, self._bury = put, dead

    def send(self, key: bytes | None, value: bytes | None, timestamp_ms: int) -> None:
        """Take in one record, at the next offset of the source."""
        record = _Sent(self.offset, key, value, timestamp_ms)
        self.offset += 1
        self._inlet.step_chunk([record], self._put, self._dead)

    def _put(self, partition: int, key: bytes | None, value: bytes, timestamp_ms: int) -> None:
        self._write(key, value, timestamp_ms)

    def _dead(self, record: Record, value: bytes, refusal: Refusal) -> None:
        place = Source(self._topic, 0, record.offset)
        letter = dead_letter(self._pipeline, place, (record.key, value, record.timestamp), refusal)
        self._bury(letter)
