"""Where a pipeline's events come from, and what their fields may be used for."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from headrace.errors import DeclarationError
from headrace.event_time import EventTime
from schemas.events import is_free

# Kafka's rule for topic names (letters, digits, ., _, -; at most 249), less room for our suffixes.
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}")


@dataclass(frozen=True)
class Topic:
    """A Kafka topic with the type of its events.

    Parameters
    ----------
    name
        The topic's name in Kafka.
    event_type
        Subclass of `headrace.Event`, or any msgspec Struct with an ``id``.
    key
        Field by which producers choose the partition; documents the contract and is used by
        ``headrace send``.
    partitions
        Number of partitions, which is the most workers that can share the work.
    retention_s
        How long Kafka keeps events; recovery needs them at least as long as snapshots are apart.
    time
        Field that says when an event happened, in seconds since 1970, or an `EventTime` that says more. It
        does not reach the models unless ``features`` names it. Default: the record's Kafka timestamp.

    """

    name: str
    event_type: type[msgspec.Struct]
    key: str | None = None
    partitions: int = 4
    retention_s: float = 7 * 86_400.0
    time: str | EventTime | None = None

    @property
    def event_time(self) -> EventTime | None:
        """How events tell their time; ``None``: by their Kafka timestamp."""
        return EventTime(self.time) if isinstance(self.time, str) else self.time


def checked_name(argument: str, name: object) -> str:
    """Return *name* if Kafka takes it as the name of a topic."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise DeclarationError(
            argument,
            f"{name!r} is not valid as a topic name",
            why="Kafka takes letters, digits, '.', '_' and '-', here at most 200 characters",
            fix="for example 'fraud' or 'flights.late'",
        )
    return name


def checked_sources(given: object) -> tuple[Topic, ...]:
    """Return the topics of events, if they can make one log: *given* is one, or several of one type."""
    is_list = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    sources: list[Any] = [*given] if is_list else [given]  # type: ignore[misc] # mypy forgets what is_list says
    if not sources:
        raise DeclarationError(
            "source", "at least one topic is needed", fix="source=headrace.Topic('payments', Payment)"
        )
    for source in sources:
        _check_source(source)
    first = sources[0]
    for source in sources[1:]:
        if (source.event_type, source.event_time) != (first.event_type, first.event_time):
            raise DeclarationError(
                "source",
                f"{source.name!r} and {first.name!r} have not the same type of events, or not the same time",
                why="they are one log, and the models learn one kind of event",
                fix="give all of them one event type and one time",
            )
    return tuple(sources)


def _check_source(source: object) -> None:
    """Refuse a *source* that is no topic of structs."""
    if not isinstance(source, Topic):
        raise DeclarationError(
            "source",
            f"expected headrace.Topic, got {type(source).__name__}",
            fix="source=headrace.Topic('payments', Payment)",
        )
    checked_name("source", source.name)
    event_type = source.event_type
    if not (isinstance(event_type, type) and issubclass(event_type, msgspec.Struct)):
        raise DeclarationError(
            "source",
            f"event type must be a msgspec Struct, got {event_type!r}",
            fix="class Payment(headrace.Event): ...",
        )
    if type(source.partitions) is not int or not 1 <= source.partitions <= 10_000:
        raise DeclarationError(
            "source",
            f"partitions must be 1 to 10,000, got {source.partitions!r}",
            fix="partitions=4, or as many workers as may share the work",
        )
    _check_time(source)


def _check_time(source: Topic) -> None:
    """Refuse a time that no event can tell."""
    if not isinstance(source.time, str | EventTime | types.NoneType):
        raise DeclarationError(
            "time",
            f"expected the name of a field or headrace.EventTime, got {type(source.time).__name__}",
            fix="time='at' with a field of seconds since 1970",
        )
    told = source.event_time
    if told is None:
        return
    try:
        hints = typing.get_type_hints(source.event_type, include_extras=True)
    except NameError:  # the decoder says more of it
        return
    if told.field not in hints or not {*_kinds(hints[told.field])} <= {int, float}:
        raise DeclarationError(
            "time",
            f"{source.event_type.__name__} has no field {told.field!r} that holds a number",
            why="event time is seconds or milliseconds since 1970",
            fix=f"{told.field}: float in {source.event_type.__name__}, or another field",
        )


def checked_features(features: object) -> tuple[str, ...] | None:
    """Return the names of *features*; a text would be taken for a list of letters."""
    if features is None:
        return None
    if isinstance(features, str) or not isinstance(features, Iterable):
        example = features if isinstance(features, str) else "amount"
        raise DeclarationError(
            "features",
            f"expected a list of field names, got {features!r}",
            fix=f"features=[{example!r}]",
        )
    return tuple(features)


def check_fields(source: Topic, target: object, features: Iterable[object] | None) -> None:
    """Refuse fields that *source*'s events do not have, and those that cannot be target or feature."""
    event_type = source.event_type
    names = event_type.__struct_fields__
    wanted = [("source", "id"), ("target", target), ("source", source.key)]
    wanted += [("features", feature) for feature in features or ()]
    for argument, name in wanted:
        if name is not None and name not in names:
            raise DeclarationError(
                argument,
                f"{event_type.__name__} has no field {name!r}",
                why=f"its fields are {', '.join(names)}",
                fix=f"add the field to {event_type.__name__}, or correct the name",
            )
        if name == "id" and argument != "source":
            raise DeclarationError(
                argument,
                f"'id' cannot be a {argument.rstrip('s')}",
                why="it names the event and never reaches a model",
                fix="name another field; one that holds the same value if it is needed",
            )
    if target is not None and target in (features or ()):
        raise DeclarationError(
            "features",
            f"{target!r} is the target: a model must not see it",
            fix=f"leave {target!r} out of features",
        )


def label_types(source: Topic, target: str) -> set[type]:
    """Return which of bool, int, float and str the field *target* may hold.

    Raises
    ------
    DeclarationError
        If it holds free features.

    """
    hint = typing.get_type_hints(source.event_type, include_extras=True)[target]
    if is_free(hint):
        raise DeclarationError(
            "target",
            f"{target!r} holds free features, and a label is one value",
            fix="name a field that is a bool, an int, a float, a str or a Literal",
        )
    return types_in(hint)


def types_in(hint: Any) -> set[type]:
    """Return which of bool, int, float and str a field of type *hint* may hold."""
    return set(_kinds(hint))


def _kinds(hint: Any) -> typing.Iterator[type]:
    origin = typing.get_origin(hint)
    if origin is typing.Annotated:
        yield from _kinds(typing.get_args(hint)[0])
    elif origin is typing.Literal:
        yield from map(type, typing.get_args(hint))
    elif origin in (types.UnionType, typing.Union):
        for member in typing.get_args(hint):
            yield from _kinds(member)
    elif hint is not types.NoneType:
        yield hint
