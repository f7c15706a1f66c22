"""What the fold reads of a log, where its results go, and what it counts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias


class Record(Protocol):
    """What the fold reads of a Kafka record."""

    @property
    def offset(self) -> int:
        """Position in the log."""
        ...

    @property
    def key(self) -> bytes | None:
        """Key, or ``None``."""
        ...

    @property
    def value(self) -> bytes | None:
        """Bytes of the event; ``None`` is a tombstone."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes | None]]:
        """Header names and values."""
        ...


Emit: TypeAlias = Callable[[str, bytes | None, bytes, Record], None]
"""Takes a result: its id, the key, the encoded value, the record that caused it."""

Tell: TypeAlias = Callable[[str, str, bytes | None, bytes, Record], None]
"""Takes a fact about models: its kind, which names the topic, then what `Emit` takes."""


class Counts:
    """What the fold did since it was asked last; one object per chunk keeps the hot path free of metrics."""

    __slots__ = ("dead", "evicted", "failures", "filtered", "learned", "others", "predicted")

    def __init__(self) -> None:
        self.predicted = 0
        self.evicted = 0
        self.learned = 0
        self.filtered = 0
        self.others = 0
        self.dead: dict[str, int] = {}
        self.failures: dict[tuple[str, str], int] = {}
