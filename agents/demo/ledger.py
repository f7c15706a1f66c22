"""The demo's books: what went in, what came out, and whether the two agree to the record."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Any

from schemas import DeadLetter, Source

Offsets = dict[int, set[int]]


class Ledger:
    """Counts records by their place in Kafka, so that neither loss nor doubling can hide.

    Parameters
    ----------
    starts
        Log end offset of each source partition before the first record is sent.
    """

    def __init__(self, starts: Mapping[int, int]) -> None:
        self._starts = dict(starts)
        self.partitions = sorted(starts)
        self.sent = 0
        self.n_broken = 0
        self.duplicates = 0
        self.reasons: Counter[str] = Counter()
        self.last_letter: DeadLetter | None = None
        self.error: BaseException | None = None
        self._acked: Offsets = {p: set() for p in starts}
        self._answered: Offsets = {p: set() for p in starts}
        self._refused: Offsets = {p: set() for p in starts}

    def on_ack(self, future: asyncio.Future[Any]) -> None:
        """Note where Kafka put a record; callback of the producer's future."""
        if future.cancelled():
            return
        if future.exception() is not None:
            self.error = future.exception()
            return
        place = future.result()
        self._acked[place.partition].add(place.offset)

    def answered(self, source: Source) -> bool:
        """Note a result; return whether it is the first for a record of this run."""
        return self._first(source, self._answered)

    def refused(self, letter: DeadLetter) -> None:
        """Note a dead letter."""
        if self._first(letter.source, self._refused):
            self.reasons[letter.error.type] += 1
            self.last_letter = letter

    def _first(self, source: Source, seen: Offsets) -> bool:
        if source.offset < self._starts[source.partition]:
            return False
        offsets = seen[source.partition]
        if source.offset in offsets:
            self.duplicates += 1
            return False
        offsets.add(source.offset)
        return True

    @property
    def n_results(self) -> int:
        """Records that have a prediction."""
        return sum(map(len, self._answered.values()))

    @property
    def n_dead(self) -> int:
        """Records that became dead letters."""
        return sum(map(len, self._refused.values()))

    @property
    def n_acked(self) -> int:
        """Records that Kafka has."""
        return sum(map(len, self._acked.values()))

    @property
    def waiting(self) -> int:
        """Records sent that nothing came back for yet."""
        return self.sent - self.n_results - self.n_dead

    def settled(self, partition: int) -> int:
        """Return how many records of *partition* have their result or dead letter."""
        return len(self._answered[partition]) + len(self._refused[partition])

    def lag(self, partition: int) -> int:
        """Return how many records of *partition* wait for an answer."""
        return max(0, len(self._acked[partition]) - self.settled(partition))

    @property
    def balances(self) -> bool:
        """Whether every record of the run has exactly one of result and dead letter, and nothing else has."""
        return self.n_acked == self.sent and all(
            self._acked[p] == self._answered[p] | self._refused[p]
            and not self._answered[p] & self._refused[p]
            for p in self.partitions
        )
