"""What waits, as bytes: a third of what Python's own objects take, and back to the bit.

A packed entry is a msgpack list. It begins with its kind, its number in the order of arrival, the log's
time of then, the event time and the offset of its record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
import numpy as np

from headrace.labels.outcomes import Waiter
from schemas.results import Answer, Label

EVENT, ORPHAN, SETTLED = range(3)

_MOST_SHAPES = 64
_MOST_NAMES = 256
_SPREAD = -1
_BIG = 1
"""Code of a whole number beyond 64 bits, which msgpack lacks."""

_OWN: tuple[tuple[tuple[type, ...], Any], ...] = (
    ((float, np.floating), float),
    ((int, np.integer), int),
    ((np.bool_,), bool),
    ((str,), str),
)
STORABLE = (*(kind for kinds, _ in _OWN for kind in kinds), type(None))
"""Types of features that can wait."""

Names: TypeAlias = tuple[str, ...]


class Head(msgspec.Struct, array_like=True, gc=False):
    """How every packed entry begins."""

    kind: int
    number: int
    since_s: float
    event_s: float
    offset: int


class Orphan(msgspec.Struct, array_like=True, gc=False):
    """A label without event."""

    kind: int
    number: int
    since_s: float
    event_s: float
    offset: int
    label: Label
    weight: float = 1.0


class Settled(msgspec.Struct, array_like=True, gc=False):
    """An event that has its label, or has expired; ``event`` is the packed one if it may be learned again."""

    kind: int
    number: int
    since_s: float
    event_s: float
    offset: int
    is_expired: bool
    label: Label | None
    event: bytes | None


def _big(code: int, data: memoryview) -> int:
    return int.from_bytes(data, "big", signed=True)


def own(value: Any) -> Any:
    """Return a number or text of numpy's, or of a subclass, as Python's own."""
    for kinds, kind in _OWN:
        if isinstance(value, kinds):
            return kind(value)
    raise TypeError(f"{type(value).__name__} is no feature that can wait")  # `Reader` refuses it before


encode = msgspec.msgpack.Encoder(enc_hook=own).encode
head_of = msgspec.msgpack.Decoder(Head).decode
orphan_of = msgspec.msgpack.Decoder(Orphan).decode
settled_of = msgspec.msgpack.Decoder(Settled).decode
_decode = msgspec.msgpack.Decoder(ext_hook=_big).decode


class Packer:
    """Packs events; the names of their features are kept once for all events that have the same.

    Parameters
    ----------
    shapes
        The sets of names known already, in order.
    """

    def __init__(self, shapes: Iterable[Names] = ()) -> None:
        self._shapes = list(shapes)
        self._numbers = {names: i for i, names in enumerate(self._shapes)}

    @property
    def shapes(self) -> tuple[Names, ...]:
        """The sets of names that packed events refer to, in order."""
        return tuple(self._shapes)

    def pack(self, waiter: Waiter, number: int, since_s: float, event_s: float) -> bytes:
        """Return *waiter* as bytes."""
        x, answers = waiter.x, waiter.answers
        names = tuple(x)
        shape = self._numbers.get(names)
        if shape is None:
            shape = self._learn(names)
        fields = [
            EVENT,
            number,
            since_s,
            event_s,
            waiter.offset,
            waiter.step,
            waiter.key,
            _flat(waiter.answer),
            None if answers is None else {name: _flat(each) for name, each in answers.items()},
            shape,
            x if shape == _SPREAD else tuple(x.values()),
        ]
        try:
            return encode(fields)
        except OverflowError:
            fields[-2:] = [_SPREAD, {name: _storable(value) for name, value in x.items()}]
            return encode(fields)

    def unpack(self, blob: bytes) -> Waiter:
        """Return what was packed as *blob*."""
        fields: list[Any] = _decode(blob)
        offset, step, key, answer, answers, shape, values = fields[4:]
        x = values if shape == _SPREAD else dict(zip(self._shapes[shape], values, strict=True))
        named = None if answers is None else {name: Answer(*flat) for name, flat in answers.items()}
        return Waiter(x, Answer(*answer), step, offset, key, named)

    def _learn(self, names: Names) -> int:
        if len(self._shapes) >= _MOST_SHAPES or len(names) > _MOST_NAMES:
            return _SPREAD
        self._numbers[names] = shape = len(self._shapes)
        self._shapes.append(names)
        return shape


def _flat(answer: Answer) -> tuple[Any, ...]:
    said = answer.prediction, answer.probability, answer.score, answer.error
    if answer.status is None and answer.by is None:  # of no graph: nothing more
        return said
    return *said, answer.status, answer.by, answer.why


def _storable(value: Any) -> Any:
    if type(value) is int and not -(1 << 63) <= value < 1 << 64:
        return msgspec.msgpack.Ext(_BIG, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    return value
