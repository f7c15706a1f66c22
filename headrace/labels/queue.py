"""Packed entries: found by event id, taken in order of arrival."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from heapq import heapify, heappush, heapreplace
from itertools import islice
from typing import TypeAlias

from headrace.keyed.entry import GROUPS
from headrace.labels.outcomes import EventId
from headrace.labels.packing import Head, head_of

_BATCH = 64
"""So many of a group's oldest are looked up together: a dict goes past what was deleted at each look."""

ENTRY_BYTES = 208
"""What an entry takes beside its bytes, as measured: an event id of 16 letters, a place in a dict, slack."""

Oldest: TypeAlias = tuple[int, int, EventId, bytes, Head]
"""Number, group, event id, packed entry and its head of what came first; no two numbers are equal."""

Note: TypeAlias = Callable[[int, EventId, bytes, bytes], None]
"""Told group and event id of an entry, what it was and what it is; empty is nothing."""


def group_of(event_id: EventId) -> int:
    """Return the group of *event_id*, the same in every process."""
    text = event_id if isinstance(event_id, str) else str(event_id)
    return zlib.crc32(text.encode()) % GROUPS


class Queue:
    """Entries of one kind, whose order of arrival is that of their numbers.

    Attributes
    ----------
    groups
        The entries, by group: small dicts grow without a pause.
    n, size_bytes
        How many there are, and what they take in memory, about.
    note
        Told of each change.
    """

    def __init__(self) -> None:
        self.groups: list[dict[EventId, bytes]] = [{} for _ in range(GROUPS)]
        self.n = self.size_bytes = 0
        self.note: Note | None = None
        self._heads: list[Oldest] = []  # a heap with at most one of each group, which may be gone meanwhile
        self._has_head = [False] * GROUPS
        self._next: list[Iterator[tuple[EventId, bytes]]] = [iter(())] * GROUPS

    def put(self, group: int, event_id: EventId, blob: bytes) -> None:
        """Add an entry, which is younger than all others; *event_id* is not there."""
        self.groups[group][event_id] = blob
        self.n += 1
        self.size_bytes += len(blob) + ENTRY_BYTES
        if not self._has_head[group]:
            self._has_head[group] = True
            heappush(self._heads, _oldest(group, event_id, blob))
        if self.note is not None:
            self.note(group, event_id, b"", blob)

    def take(self, group: int, event_id: EventId) -> bytes | None:
        """Remove and return the entry of *event_id*, ``None`` if it is not there."""
        blob = self.groups[group].pop(event_id, None)
        if blob is not None:
            self.n -= 1
            self.size_bytes -= len(blob) + ENTRY_BYTES
            if self.note is not None:
                self.note(group, event_id, blob, b"")
        return blob

    def replace(self, group: int, event_id: EventId, blob: bytes) -> None:
        """Let *blob*, of the same number, take the place of the entry of *event_id*, which is there."""
        before = self.groups[group][event_id]
        self.groups[group][event_id] = blob
        self.size_bytes += len(blob) - len(before)
        if self.note is not None:
            self.note(group, event_id, before, blob)

    def oldest(self) -> Oldest | None:
        """Return the entry that came first, and leave it."""
        heads = self._heads
        while heads:
            _, group, event_id, blob, _ = first = heads[0]
            now = self._now(group, event_id, blob)
            if now is blob:
                return first
            if now is not None:
                heads[0] = first = _oldest(group, event_id, now)
                return first
            after = self._after(group)
            if after is None:
                self._has_head[group] = False
                heads[0] = heads[-1]
                heads.pop()
                heapify(heads)  # of 32 at most
            else:
                heapreplace(heads, after)
        return None

    def _after(self, group: int) -> Oldest | None:
        """Return the oldest of *group*."""
        for event_id, blob in self._next[group]:
            if (now := self._now(group, event_id, blob)) is not None:
                return _oldest(group, event_id, now)
        self._next[group] = batch = iter([*islice(self.groups[group].items(), _BATCH)])
        first = next(batch, None)
        return None if first is None else _oldest(group, *first)

    def _now(self, group: int, event_id: EventId, blob: bytes) -> bytes | None:
        """Return what the entry *blob* has become, ``None`` if it is gone."""
        now = self.groups[group].get(event_id)
        if now is blob or now is None or head_of(now).number == head_of(blob).number:
            return now
        return None


def _oldest(group: int, event_id: EventId, blob: bytes) -> Oldest:
    head = head_of(blob)
    return head.number, group, event_id, blob, head
