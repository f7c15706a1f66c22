"""A source topic without Kafka: what intake makes of records that a test sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from headrace.dead_letters import Named, dead_letter
from headrace.errors import HeadraceError
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


def key_of(event: object, field: str | None) -> bytes | None:
    """Return the key that ``headrace send --key`` gives the record."""
    if field is None or not isinstance(event, Mapping | msgspec.Struct):
        return None
    value = event.get(field) if isinstance(event, Mapping) else getattr(event, field, None)
    return None if value is None else str(value).encode()


def encoded(event: object) -> bytes | None:
    """Return *event* as the value of a record.

    Raises
    ------
    HeadraceError
        If no producer could send it.
    """
    if event is None or isinstance(event, bytes):
        return event
    if not isinstance(event, Mapping | msgspec.Struct):
        raise HeadraceError(
            f"send: expected one event, got {type(event).__name__}",
            why="an event is a mapping, an instance of the event type, bytes as they travel, or None",
            fix=_remedy(event),
        )
    try:
        plain = msgspec.to_builtins(dict(event) if isinstance(event, Mapping) else event)
        return json.dumps(plain).encode()
    except (TypeError, ValueError) as error:
        raise HeadraceError(
            "send: the event cannot be written as JSON",
            why=str(error),
            fix="plain Python values: float(x), int(x), str(x), x.isoformat()",
        ) from error


def _remedy(event: object) -> str:
    if isinstance(event, str):
        return "send(text.encode()) for JSON as text"
    if isinstance(event, bytearray | memoryview):
        return "send(bytes(event))"
    if isinstance(event, Sequence):
        return "for event in events: harness.send(event)"
    return 'send({"id": "a", ...})'
