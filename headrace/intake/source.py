"""A topic that intake reads: what its records are, and which key they get in the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from headrace.errors import DeclarationError
from headrace.features.lookup import Lookup
from headrace.topic import checked_name
from schemas.canonical import Canonical, free, typed
from schemas.events import Limits
from schemas.log import is_kind


@dataclass(frozen=True)
class LogSource:
    """One source topic of a log.

    Parameters
    ----------
    kind
        What its records are to the fold: ``event``, ``label``, ``feedback``, ``answer`` or
        ``lookup:<name>``.
    topic
        Its name in Kafka.
    event_type
        Struct of its values; ``None``: any JSON object.
    key
        Field whose text becomes the key in the log, and so chooses the log partition; ``None``: the key that
        records have.
    to_all
        Whether each record goes to every log partition: a table that events of all keys join.
    time
        Field that holds a time: it may be greater than other numbers.
    event_id
        Field that holds the id of an event, where values have no type: it may be greater, too.

    Raises
    ------
    DeclarationError
        If intake could not work with it.
    """

    kind: str
    topic: str
    event_type: type[msgspec.Struct] | None = None
    key: str | None = None
    to_all: bool = False
    time: str | None = None
    event_id: str | None = None

    def __post_init__(self) -> None:
        """Check what was declared."""
        checked_name("sources", self.topic)
        if not is_kind(self.kind):
            raise DeclarationError(
                "sources",
                f"topic {self.topic!r} has the kind {self.kind!r}",
                fix="'event', 'label', 'feedback', 'answer' or 'lookup:name'",
            )
        fields = None if self.event_type is None else self.event_type.__struct_fields__
        if self.key is not None and fields is not None and self.key not in fields:
            raise DeclarationError(
                "sources",
                f"values of topic {self.topic!r} have no field {self.key!r} to be the key",
                why=f"the fields are {', '.join(fields)}",
                fix="name one of them, or leave it out where records have the right key already",
            )

    @property
    def is_lookup(self) -> bool:
        """Whether its records are rows of a table."""
        return self.kind.startswith("lookup:")

    def canonical(self, limits: Limits) -> Canonical:
        """Return what checks its values.

        Raises
        ------
        DeclarationError
            If its type has fields that no model can take.
        """
        if self.event_type is None:
            return free(limits, [name for name in (self.time, self.event_id) if name is not None])
        try:
            return typed(self.event_type, limits, self.time)
        except (TypeError, NameError) as error:
            raise DeclarationError(
                "sources",
                f"type {self.event_type.__name__} of topic {self.topic!r} cannot be used",
                why=str(error),
                fix="change the field's type, or leave the field out: unknown fields are ignored",
            ) from error


def lookup_sources(lookups: Sequence[Lookup]) -> list[LogSource]:
    """Return the topics of *lookups*, each once; rows go to every partition: events of any key join them."""
    found: dict[str, LogSource] = {}
    for lookup in lookups:
        topic, time = lookup.topic, None if lookup.time is None else lookup.time.field
        source = LogSource(f"lookup:{topic.name}", topic.name, topic.event_type, lookup.keys[0], True, time)
        found.setdefault(topic.name, source)
    return list(found.values())


def check_sources(sources: Sequence[LogSource], log: str) -> None:
    """Refuse *sources* that cannot make one log, whose topic is *log*.

    Raises
    ------
    DeclarationError
        If a topic comes twice, or is the log itself.
    """
    names = [source.topic for source in sources]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DeclarationError(
            "sources",
            f"topic {twice[0]!r} is declared twice",
            why="each of its records is one record of the log, of one kind",
            fix="declare it once, or let producers write two topics",
        )
    if log in names:
        raise DeclarationError(
            "sources",
            f"{log!r} is the log itself",
            why="intake would read what it writes, for ever",
            fix="name the topic that producers write",
        )
