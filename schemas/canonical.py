"""A record's value in canonical form: checked, its declared fields only, in order, without spaces."""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

import msgspec
import orjson

from schemas.decoding import EventDecoder
from schemas.events import Limits, is_free, wire_type
from schemas.refusals import Refusal, explained
from schemas.shape import check_shape

Canonical: TypeAlias = Callable[[bytes], tuple[bytes, Any]]
"""Takes the bytes of a value; returns its canonical bytes, and what they say; raises `Refusal`."""

_WIDE = float(1 << 63)
"""Ids are less, and times."""


def typed(
    event_type: type[msgspec.Struct], limits: Limits | None = None, time: str | None = None
) -> Canonical:
    """Return what makes values of *event_type* canonical, and gives a struct with its fields.

    Fields come in the order of the type, those of a dict sorted. Fields that are not declared, and those
    that are not given or hold the very default, are left out: what a default is stays with the declaration.
    The field *time* may be greater than other numbers.
    """
    return _Typed(event_type, limits or Limits(), time).canonical


def free(limits: Limits | None = None, named: Collection[str] = ()) -> Canonical:
    """Return what makes any JSON object canonical, and gives a dict: its keys come sorted.

    The fields *named* are ids and times, which may be greater than other numbers, as those of events may.
    """
    return _Free(limits or Limits(), named).canonical


class _Typed:
    def __init__(self, event_type: type[msgspec.Struct], limits: Limits, time: str | None) -> None:
        wire = wire_type(event_type, limits, time)
        short = msgspec.defstruct(wire.__name__, [], bases=(wire,), omit_defaults=True, gc=False)
        self._limits = limits
        self._decode = msgspec.json.Decoder(short).decode
        self._encode = msgspec.json.Encoder(order="deterministic").encode
        hints = typing.get_type_hints(event_type, include_extras=True)
        names = event_type.__struct_fields__
        self._has_free = any(is_free(hints[name]) for name in names)
        self._check: Callable[[bytes], object] = self._check_shape
        if self._has_free and "id" in names:  # free features must not hide each other
            self._check = EventDecoder(event_type, limits=limits, time=time).parse

    def canonical(self, value: bytes) -> tuple[bytes, Any]:
        limits = self._limits
        if len(value) > limits.size_bytes:
            raise _too_large(value, limits)
        try:
            found = self._decode(value)
        except Exception as error:  # noqa: BLE001 - whatever the bytes provoke is the record's fault
            raise explained(error, value) from None
        made = self._encode(found)
        # Each key has a colon, and texts may have some: as many as in the canonical form means that no key is
        # unknown, or came twice. An escape may hide one.
        n_colons = value.count(b":")
        if self._has_free or n_colons != made.count(b":") or n_colons > limits.keys or b"\\" in value:
            self._check(value)
        if len(made) > limits.size_bytes:
            raise _too_large(made, limits)
        return made, found

    def _check_shape(self, value: bytes) -> None:
        check_shape(value, self._limits)


class _Free:
    def __init__(self, limits: Limits, named: Collection[str]) -> None:
        self._limits = limits
        self._wide = dict.fromkeys(named, msgspec.structs.replace(limits, number_abs=_WIDE))

    def canonical(self, value: bytes) -> tuple[bytes, Any]:
        limits = self._limits
        if len(value) > limits.size_bytes:
            raise _too_large(value, limits)
        try:
            found = orjson.loads(value)
        except Exception as error:  # noqa: BLE001 - as above
            raise explained(error, value) from None
        if not isinstance(found, dict):
            raise Refusal("type", f"expected an object, got {type(found).__name__}")
        check_shape(value, limits)
        for name, inner in found.items():
            _check_values(inner, self._wide.get(name, limits), f"$.{name}")
        made = orjson.dumps(found, option=orjson.OPT_SORT_KEYS)
        if len(made) > limits.size_bytes:
            raise _too_large(made, limits)
        return made, found


def _check_values(found: Any, limits: Limits, path: str) -> None:
    if isinstance(found, dict):
        for name, inner in found.items():
            _check_values(inner, limits, f"{path}.{name}")
    elif isinstance(found, list):
        for inner in found:
            _check_values(inner, limits, f"{path}[...]")
    elif isinstance(found, str):
        if len(found) > limits.string_length:
            raise Refusal("type", f"expected at most {limits.string_length} characters", path)
    elif isinstance(found, int | float) and not (
        math.isfinite(found) and -limits.number_abs < found < limits.number_abs
    ):
        raise Refusal("type", f"expected a number within {limits.number_abs:g}, got {found}", path)


def _too_large(value: bytes, limits: Limits) -> Refusal:
    return Refusal("size", f"expected at most {limits.size_bytes} bytes, got {len(value)}")
