"""Flights as records of the source topic, with broken ones among them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec

from agents.demo.flights_pipeline import Flight

BROKEN_EVERY = 2_000
"""One broken record follows each this many flights."""

FIRST_BROKEN_AT = 500
"""The first one comes soon, for people to see."""

_encode = msgspec.json.Encoder().encode


class Item(NamedTuple):
    """One record to send; *event_id* is ``None`` for a broken one."""

    key: bytes
    value: bytes
    event_id: str | None
    late: bool | None


class Spoiler(NamedTuple):
    """A way to break a record, and the reason its dead letter has to give."""

    reason: str
    spoil: Callable[[bytes], bytes]


def encode(flight: Flight) -> bytes:
    """Return *flight* as JSON; what is absent is left out."""
    present = {name: v for name, v in msgspec.structs.asdict(flight).items() if v is not None}
    return _encode(present)


def items(flights: Iterable[Flight]) -> Iterator[Item]:
    """Yield the records of *flights*, and a broken copy now and then."""
    for n, flight in enumerate(flights, start=1):
        value = encode(flight)
        yield Item(flight.carrier.encode(), value, flight.id, flight.late)
        if n % BROKEN_EVERY == FIRST_BROKEN_AT:
            spoiler = SPOILERS[n // BROKEN_EVERY % len(SPOILERS)]
            yield Item(flight.carrier.encode(), spoiler.spoil(value), None, None)


def n_records(n_flights: int) -> int:
    """Return how many records `items` yields for so many flights."""
    return n_flights + (n_flights + BROKEN_EVERY - FIRST_BROKEN_AT) // BROKEN_EVERY


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
