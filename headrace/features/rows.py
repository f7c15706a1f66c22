"""From the bytes of an update to a row: checked like an event."""

from __future__ import annotations

from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from headrace.errors import DeclarationError
from headrace.features.lookup import Lookup
from headrace.features.table import Row
from schemas.events import Limits, wire_type
from schemas.refusals import Refusal, explained


class Update(NamedTuple):
    """What an update says: ``time_s`` is ``None`` where the Kafka timestamp says it, ``row`` if deleted."""

    key: Any
    time_s: float | None
    row: Row | None


class RowReader:
    """Reads the updates of one lookup.

    Parameters
    ----------
    limits
        What an update may be at most.

    Raises
    ------
    DeclarationError
        If a field of the row has a type that cannot be used.

    """

    def __init__(self, lookup: Lookup, limits: Limits | None = None) -> None:
        self._lookup = lookup
        self._time = lookup.time
        self._limits = limits or Limits()
        row_type = lookup.topic.event_type
        try:
            wire = wire_type(row_type, self._limits, None if self._time is None else self._time.field)
        except (TypeError, NameError) as error:
            raise DeclarationError(
                "topic",
                f"the row {row_type.__name__} cannot be used",
                why=str(error),
                fix="change the field's type, or leave the field out: unknown fields are ignored",
            ) from error
        self._decode = msgspec.json.Decoder(wire).decode
        self._key_of = attrgetter(*lookup.keys)
        self._row_of = attrgetter(*lookup.row_fields)
        self._is_one_field = len(lookup.row_fields) == 1
        self._key_type = _key_type(wire, lookup.keys[0]) if len(lookup.keys) == 1 else None

    def parse(self, value: bytes) -> Update:
        """Return what the update *value* says.

        Raises
        ------
        Refusal
            If it is no valid row; the table is as before.
        """
        lookup, time = self._lookup, self._time
        if len(value) > self._limits.size_bytes:
            raise Refusal("size", f"expected at most {self._limits.size_bytes} bytes, got {len(value)}")
        try:
            found = self._decode(value)
        except Exception as error:  # noqa: BLE001 - whatever the bytes provoke is the record's fault
            raise explained(error, value) from None
        key, row = self._key_of(found), self._row_of(found)
        if key is None or (key.__class__ is tuple and None in key):
            name = next(name for name in lookup.keys if getattr(found, name) is None)
            raise Refusal("type", "expected a value: it names the row, got null", f"$.{name}")
        time_s = None
        if time is not None and (told := getattr(found, time.field)) is not None:
            time_s = told / time.per_s
        return Update(key, time_s, (row,) if self._is_one_field else row)

    def deletion(self, key: bytes | None) -> Update:
        """Return the deletion of the row that a tombstone's *key* names: text, or the digits of a number.

        Raises
        ------
        Refusal
            If it names none, or rows are named by several fields.
        """
        if self._key_type is None:
            raise Refusal("key", f"rows are named by {len(self._lookup.keys)} fields, and a key is one text")
        if not key:
            raise Refusal("key", "expected a key: it names the row to delete; there is none")
        try:
            named = msgspec.convert(key.decode(), self._key_type, strict=False)
        except (msgspec.ValidationError, UnicodeDecodeError) as error:
            raise Refusal("key", f"expected the name of a row: {error}") from None
        return Update(named, None, None)


def _key_type(wire: type[msgspec.Struct], name: str) -> Any:
    """Return the type of a field, with its bounds."""
    return next(field.type for field in msgspec.structs.fields(wire) if field.name == name)
