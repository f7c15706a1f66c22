"""From a record of a source to a record of the log: checked, canonical, with its key and its partition."""

from __future__ import annotations

from typing import Any, NamedTuple

from headrace.intake.murmur2 import partition_of
from headrace.intake.source import LogSource
from schemas.events import Limits
from schemas.log import DELETED
from schemas.refusals import Refusal

_MOST_KNOWN = 65_536
_KNOWN_KEY_BYTES = 64
"""Partitions are remembered of so many keys, and none longer: at most some 10 MB."""


class Routed(NamedTuple):
    """What goes into the log, and to which of its partitions."""

    key: bytes | None
    partitions: tuple[int, ...]
    data: bytes


class Router:
    """Routes the records of one source topic.

    A pure function of a record: the same one gives the same bytes in the same partition, whoever routes it.
    So nothing of this may change while two workers could differ in it: a source's type, key, limits, and the
    number of log partitions.

    Parameters
    ----------
    source
        Whose records come.
    n_partitions
        Of the log.
    limits
        What a record may be at most.
    """

    def __init__(self, source: LogSource, n_partitions: int, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self.source = source
        self.n_partitions = n_partitions
        self._canonical = source.canonical(limits)
        self._key_bytes = limits.key_bytes
        self._everywhere = tuple(range(n_partitions)) if source.to_all else None
        self._known: dict[bytes, tuple[int, ...]] = {}

    def route(self, key: bytes | None, value: bytes | None, partition: int) -> Routed | None:
        """Return what becomes of a record of the source's *partition*; ``None`` of a tombstone.

        The tombstone of a lookup deletes the row with its key. An event without any key goes by its source
        partition, and keeps its place among those beside it.

        Raises
        ------
        Refusal
            If the record is not valid, or its key cannot be had.
        """
        if value is None:
            if not self.source.is_lookup:
                return None
            data = DELETED
        else:
            data, found = self._canonical(value)
            if self.source.key is not None:
                key = self._key_in(found, self.source.key)
        if key is None:
            return Routed(None, self._without_key(partition), data)
        if len(key) > self._key_bytes:
            raise Refusal("key", f"expected a key of at most {self._key_bytes} bytes, got {len(key)}")
        return Routed(key, self._known.get(key) or self._partitions(key), data)

    def _key_in(self, found: Any, name: str) -> bytes:
        value = found.get(name) if isinstance(found, dict) else getattr(found, name)
        if isinstance(value, str):
            return value.encode()
        if not isinstance(value, int | float):
            got = "nothing" if value is None else type(value).__name__
            raise Refusal("key", f"expected text or a number to be the key, got {got}", f"$.{name}")
        return str(value).encode()

    def _without_key(self, partition: int) -> tuple[int, ...]:
        if self.source.kind != "event":
            raise Refusal("key", f"expected a key: without one this {self.source.kind} finds no event")
        return self._everywhere or (partition % self.n_partitions,)

    def _partitions(self, key: bytes) -> tuple[int, ...]:
        found = self._everywhere or (partition_of(key, self.n_partitions),)
        if len(key) <= _KNOWN_KEY_BYTES:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[key] = found
        return found
