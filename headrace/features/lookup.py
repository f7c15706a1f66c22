"""What a user declares about a lookup table: which rows, found how, joined as of when."""

from __future__ import annotations

import re
import typing
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from headrace.errors import DeclarationError
from headrace.event_time import EventTime
from headrace.topic import Topic, checked_name, types_in
from schemas.events import is_free

MAX_ROWS = 100_000

Missing: TypeAlias = Literal["none", "dead"] | float | int | bool
"""What becomes of an event whose row, or a field of it, is missing."""

_PREFIX = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,63}")


@dataclass(frozen=True)
class Lookup:
    """A table, kept by a topic of updates, whose rows join the events as of their time.

    Parameters
    ----------
    topic
        The topic of updates; its type of events is the row. Its first field need not be ``id``.
    key
        Field of the row, or several, that an update replaces the row of.
    on
        Field of the event, or several, that name the row; by default those of *key*.
    fields
        Fields of the row that join; by default all but *key* and *as_of*.
    prefix
        What their names in the event begin with.
    missing
        What an event without row gets, and a field that is ``None`` in the row: ``"none"``, no such feature;
        a number, which stands in its place; ``"dead"``, the event is a dead letter (``None`` in a row is no
        feature then).
    max_rows
        So many rows are held, each version of a row counted; one more, and the key whose last update is the
        longest ago is forgotten.
    as_of
        Field of the row that says from when on it holds, in seconds since 1970, or an `EventTime` that says
        its unit. Default: what the topic says of its time, else the Kafka timestamp of the update.

    Raises
    ------
    DeclarationError
        If such rows cannot be found or joined.

    Examples
    --------
    >>> class Weather(msgspec.Struct):
    ...     airport: str
    ...     at: float
    ...     wind_kmh: float | None = None
    >>> Lookup(Topic("weather", Weather), key="airport", on="origin", as_of="at").names
    ('wind_kmh',)

    """

    topic: Topic
    key: str | tuple[str, ...] | list[str]
    on: str | tuple[str, ...] | list[str] | None = None
    fields: tuple[str, ...] | list[str] | None = None
    prefix: str | None = None
    missing: Missing = "none"
    max_rows: int = MAX_ROWS
    as_of: str | EventTime | None = None

    def __post_init__(self) -> None:
        _check_topic(self.topic)
        if not isinstance(self.as_of, str | EventTime | None):
            raise DeclarationError("as_of", f"expected a field, got {self.as_of!r}", fix="as_of='time'")
        known = self.topic.event_type.__struct_fields__
        wanted = [("key", name) for name in self.keys]
        wanted += [("fields", name) for name in _names("fields", self.fields or ())]
        wanted += [] if self.time is None else [("as_of", self.time.field)]
        for argument, name in wanted:
            if name not in known:
                raise DeclarationError(
                    argument,
                    f"{self.topic.event_type.__name__} has no field {name!r}",
                    why=f"its fields are {', '.join(known)}",
                    fix=f"{argument}={known[0]!r}" if known else "give the row fields",
                )
        if len(self.event_keys) != len(self.keys) or not self.keys:
            raise DeclarationError(
                "on",
                f"{len(self.event_keys)} fields of the event are to name rows by {len(self.keys)}",
                fix=f"on={self.keys!r}" if self.keys else "key='id'",
            )
        if not self.row_fields:
            raise DeclarationError("fields", "no field of the row is left to join", fix="fields=['name']")
        self._check_options()

    def _check_options(self) -> None:
        hints = typing.get_type_hints(self.topic.event_type, include_extras=True)
        if self.time is not None and not types_in(hints[self.time.field]) <= {int, float}:
            raise DeclarationError(
                "as_of", f"{self.time.field!r} is no number", fix="name a field with seconds since 1970"
            )
        for name in (*self.keys, *self.row_fields):
            if is_free(hints[name]):
                raise DeclarationError(
                    "fields", f"{name!r} holds free features", fix="name fields of one value"
                )
        if self.prefix is not None and not (isinstance(self.prefix, str) and _PREFIX.fullmatch(self.prefix)):
            raise DeclarationError(
                "prefix", f"expected the start of a name, got {self.prefix!r}", fix="prefix='row_'"
            )
        if self.missing not in ("none", "dead") and not isinstance(self.missing, int | float):
            raise DeclarationError(
                "missing", f"expected 'none', 'dead' or a number, got {self.missing!r}", fix="missing='none'"
            )
        if type(self.max_rows) is not int or not 1 <= self.max_rows <= 100_000_000:
            raise DeclarationError(
                "max_rows",
                f"expected a whole number from 1 on, got {self.max_rows!r}",
                fix="max_rows=100_000",
            )

    @property
    def keys(self) -> tuple[str, ...]:
        """Fields of the row that name it."""
        return _names("key", self.key)

    @property
    def event_keys(self) -> tuple[str, ...]:
        """Fields of the event that name the row."""
        return self.keys if self.on is None else _names("on", self.on)

    @property
    def row_fields(self) -> tuple[str, ...]:
        """Fields of the row that join."""
        if self.fields is not None:
            return _names("fields", self.fields)
        return tuple(
            name
            for name in self.topic.event_type.__struct_fields__
            if name not in self.keys and (self.time is None or name != self.time.field)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What they are called in the event."""
        return tuple((self.prefix or "") + name for name in self.row_fields)

    @property
    def time(self) -> EventTime | None:
        """How rows tell from when on they hold; ``None``: by their Kafka timestamp."""
        given = self.topic.event_time if self.as_of is None else self.as_of
        return EventTime(given) if isinstance(given, str) else given

    def types(self) -> dict[str, set[type]]:
        """Return which of bool, int, float and str each joined field may hold, by its name in the event."""
        hints: dict[str, Any] = typing.get_type_hints(self.topic.event_type, include_extras=True)
        pairs = zip(self.names, self.row_fields, strict=True)
        return {name: types_in(hints[field]) for name, field in pairs}


def _names(argument: str, given: object) -> tuple[str, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, tuple | list) or not all(isinstance(name, str) and name for name in names):
        raise DeclarationError(
            argument, f"expected a field or several, got {given!r}", fix=f"{argument}='airport'"
        )
    if len(set(names)) != len(names):
        raise DeclarationError(argument, f"a field comes twice in {given!r}", fix="name each once")
    return tuple(names)


def _check_topic(topic: object) -> None:
    if not isinstance(topic, Topic):
        raise DeclarationError(
            "topic",
            f"expected headrace.Topic, got {type(topic).__name__}",
            fix="Lookup(headrace.Topic('weather', Weather), key='airport')",
        )
    checked_name("topic", topic.name)
    row = topic.event_type
    if not (isinstance(row, type) and issubclass(row, msgspec.Struct)):
        raise DeclarationError(
            "topic",
            f"the row must be a msgspec Struct, got {row!r}",
            fix="class Weather(msgspec.Struct): ...",
        )
