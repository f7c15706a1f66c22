"""An event that waits for answers from outside, and one that is done, as bytes."""

from __future__ import annotations

import msgspec

from headrace.external.outcomes import Errand, Parked
from headrace.labels.outcomes import EventId, Waiter
from headrace.labels.packing import EVENT, SETTLED, Packer, encode
from schemas.results import Answer, Label, Source

_NONE = Answer()


class Entry(msgspec.Struct, array_like=True, gc=False):
    """A packed event that waits; ``event`` holds what a `Waiter` does."""

    kind: int
    number: int
    since_s: float
    event_s: float
    offset: int
    event: bytes
    y: Label | None
    timestamp_ms: int
    origin: tuple[str, int, int]
    errands: list[Errand]

    def parked(self, event_id: EventId, packer: Packer) -> Parked:
        """Return the event."""
        waiter = packer.unpack(self.event)
        return Parked(
            event_id,
            waiter.x,
            self.y,
            self.offset,
            self.timestamp_ms,
            self.event_s,
            waiter.answers or {},
            waiter.key,
            Source(*self.origin),
            self.errands,
        )


class Done(msgspec.Struct, array_like=True, gc=False):
    """A packed event that has what it waited for, or is over."""

    kind: int
    number: int
    since_s: float
    event_s: float
    offset: int
    errands: list[Errand]


entry_of = msgspec.msgpack.Decoder(Entry).decode
done_of = msgspec.msgpack.Decoder(Done).decode


def packed(parked: Parked, packer: Packer, number: int, since_s: float) -> bytes:
    """Return *parked* as bytes, which begin as all packed entries do."""
    waiter = Waiter(parked.x, _NONE, 0, parked.offset, parked.key, parked.answers)
    event = packer.pack(waiter, number, since_s, parked.event_s)
    origin = parked.origin
    entry = Entry(
        EVENT,
        number,
        since_s,
        parked.event_s,
        parked.offset,
        event,
        parked.y,
        parked.timestamp_ms,
        (origin.topic, origin.partition, origin.offset),
        parked.errands,
    )
    return encode(entry)


def packed_done(parked: Parked, number: int, since_s: float) -> bytes:
    """Return as bytes what is remembered of *parked*."""
    return encode(Done(SETTLED, number, since_s, parked.event_s, parked.offset, parked.errands))
