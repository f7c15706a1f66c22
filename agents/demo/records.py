"""What the demo sends: flights, weather and planes as they happen, with broken departures among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from agents.flights.data import FlightRecord
from agents.flights.pipeline import ARRIVALS, DEPARTURES

BROKEN_EVERY = 2_000
"""One broken record follows each this many departures."""

FIRST_BROKEN_AT = 500
"""The first one comes soon, for people to see."""


class Item(NamedTuple):
    """One record to send; *flight* is the id of the one that departs or arrives, ``None`` for all else."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int
    flight: str | None = None

    @property
    def departs(self) -> bool:
        """Whether a prediction or a dead letter has to come of it."""
        return self.topic == DEPARTURES

    @property
    def arrives(self) -> bool:
        """Whether it is a label."""
        return self.topic == ARRIVALS


class Spoiler(NamedTuple):
    """A way to break a record, and the reason its dead letter has to give."""

    reason: str
    spoil: Callable[[bytes], bytes]


class _Departure(msgspec.Struct):
    id: str


class _Arrival(msgspec.Struct):
    event_id: str


_departure = msgspec.json.Decoder(_Departure).decode
_arrival = msgspec.json.Decoder(_Arrival).decode


def items(records: Iterable[FlightRecord]) -> Iterator[Item]:
    """Yield *records*, and a broken copy of a departure now and then."""
    n = 0
    for record in records:
        yield Item(*record, _flight(record))
        if record.topic != DEPARTURES:
            continue
        n += 1
        if n % BROKEN_EVERY == FIRST_BROKEN_AT:
            spoiler = SPOILERS[n // BROKEN_EVERY % len(SPOILERS)]
            yield Item(*record)._replace(value=spoiler.spoil(record.value))


def _flight(record: FlightRecord) -> str | None:
    if record.topic == DEPARTURES:
        return _departure(record.value).id
    return _arrival(record.value).event_id if record.topic == ARRIVALS else None


def _wrong_type(value: bytes) -> bytes:
    return value.replace(b'"distance":', b'"distance":"far","was":')


def _cut_short(value: bytes) -> bytes:
    return value[:-20]


def _key_twice(value: bytes) -> bytes:
    return value.replace(b'"origin":', b'"origin":"???","origin":')


def _latin_1(value: bytes) -> bytes:
    return value.replace(b'"dest":"', b'"dest":"Z\xfcrich ')


def _missing_field(value: bytes) -> bytes:
    return value.replace(b'"carrier":', b'"airline":')


def _nested(value: bytes) -> bytes:
    return value[:-1] + b',"crew":' + b"[" * 2_000 + b"]" * 2_000 + b"}"


def _huge_number(value: bytes) -> bytes:
    return value.replace(b'"distance":', b'"distance":1e300,"was":')


SPOILERS = (
    Spoiler("type", _wrong_type),
    Spoiler("json", _cut_short),
    Spoiler("duplicate_key", _key_twice),
    Spoiler("utf8", _latin_1),
    Spoiler("type", _missing_field),
    Spoiler("depth", _nested),
    Spoiler("type", _huge_number),
)
