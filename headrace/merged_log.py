"""A log that intake has merged: each of its records once, and each to whom it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from headrace.intake.seen import Seen
from headrace.record import Counts, Record
from schemas import Refusal, Source
from schemas.log import LogRecord, decode

EVENT = "event"

Take: TypeAlias = Callable[[LogRecord, Record, Counts], None]
"""Takes a record that is no event."""

Refuse: TypeAlias = Callable[[Record, bytes, Refusal], None]


class LoggedEvent(NamedTuple):
    """A record as it was in its source; ``offset`` is its place in the log, ``origin`` that in the source."""

    offset: int
    key: bytes | None
    value: bytes
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]]
    origin: Source


class MergedLog:
    """Reads the records of a log that intake writes.

    Parameters
    ----------
    takers
        Who takes the records of each kind but events.

    Attributes
    ----------
    seen
        What has been folded of each source.
    """

    def __init__(self, takers: Mapping[str, Take]) -> None:
        self.seen = Seen()
        self._takers = takers

    def events(
        self,
        records: Iterable[Record],
        next_offset: int,
        counts: Counts,
        refuse: Refuse,
        passed: Callable[[int], None],
    ) -> Iterator[LoggedEvent]:
        """Yield the events among *records*; hand the others to their takers on the way.

        *passed* is told the offset after each record that is no event, once that is dealt with; what is
        before *next_offset* is left out.
        """
        for record in records:
            offset, value = record.offset, record.value
            if offset < next_offset:
                continue
            if offset > next_offset:  # intake's log has no gaps: records were deleted
                self.seen.forgive()
            next_offset = offset + 1
            event = self._event(record, value, counts, refuse) if value is not None else None
            if event is not None:
                yield event
            else:
                counts.filtered += value is None
                passed(next_offset)

    def state(self) -> object:
        """Return what is written down."""
        return self.seen.state()

    def restore(self, state: object) -> None:
        """Go on from what `state` returned, or raise `SnapshotError`."""
        self.seen.restore(state)

    def _event(self, record: Record, value: bytes, counts: Counts, refuse: Refuse) -> LoggedEvent | None:
        """Return the event in *record*, ``None`` if it holds none, or was folded before."""
        try:
            logged = decode(value)
        except Refusal as refusal:
            refuse(record, value, refusal)
            return None
        if not self.seen.accept(logged.source, logged.after):
            counts.filtered += 1
            return None
        if logged.kind == EVENT:
            return _original(logged, record)
        try:
            self._taker(logged.kind)(logged, record, counts)
        except Refusal as refusal:
            original = _original(logged, record)
            refuse(original, original.value, refusal)
        return None

    def _taker(self, kind: str) -> Take:
        if kind not in self._takers:
            raise Refusal("kind", f"this pipeline has no use for records of kind {kind!r}", "$.kind")
        return self._takers[kind]


def _original(logged: LogRecord, record: Record) -> LoggedEvent:
    """Return what *logged*, which *record* holds, was in its source."""
    data = bytes(logged.data)
    return LoggedEvent(record.offset, record.key, data, logged.timestamp_ms, record.headers, logged.source)


def event_in(value: bytes) -> bytes:
    """Return the event in the record *value* of a merged log.

    Raises
    ------
    Refusal
        If it holds none.
    """
    logged = decode(value)
    if logged.kind != EVENT:
        raise Refusal("kind", f"expected an event, got a {logged.kind}", "$.kind")
    return bytes(logged.data)
