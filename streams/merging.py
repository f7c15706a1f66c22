"""Topics held to a common time: none is read far ahead of another that has more to give.

As Kafka Streams does it (KIP-353, 2018), in chunks: a round takes from each partition what comes up to a time
that all of them have reached.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from math import inf

import structlog
from faust.types import TP

from streams.chunking import Chunk

log = structlog.get_logger(__name__)

PATIENCE_S = 5.0
"""How long others wait for a partition that has records and does not give them: once, until it gives some."""

LEAST_RECORDS = 64
SOON_MS = 1_000
"""So many records of a partition, or all of so much time, are one round: smaller ones would cost too much.

What one partition is ahead of another is at most that, wherever both have more to give.
"""


Round = Sequence[tuple[TP, Chunk]]
"""A chunk each of some partitions, to be worked off in this order."""


class Merge:
    """What was fetched of some partitions and is ahead of the others, until they have come as far.

    Time is that of the records. A partition that has given all there is holds nobody back.

    Parameters
    ----------
    clock
        Seconds, for patience.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._held: dict[TP, Chunk] = {}
        self._reached: dict[TP, float] = {}
        self._clock = clock
        self._given_up: set[TP] = set()
        self._waits_since: float | None = None

    @property
    def held(self) -> frozenset[TP]:
        """Partitions of which something is held; they need not be fetched."""
        return frozenset(self._held)

    def add(self, tp: TP, chunk: Chunk) -> None:
        """Hold *chunk*, which follows what was added of *tp* before and has been taken."""
        self._held[tp] = chunk
        self._given_up.discard(tp)

    def clear(self) -> None:
        """Forget all: it will be fetched again."""
        self._held.clear()
        self._reached.clear()
        self._given_up.clear()
        self._waits_since = None

    def take(self, size: Callable[[TP], int], has_more: Mapping[TP, bool]) -> Round:
        """Return the next round, at most *size* records of each partition; empty if there is to be waited.

        Parameters
        ----------
        has_more
            Of each partition to be merged, whether the brokers have records after those fetched, as far as is
            known.
        """
        if not self._held:
            self._waits_since = None
            return []
        ends = [
            end
            for tp, chunk in self._held.items()
            if (end := _end(chunk, size(tp), has_more.get(tp, False))) is not None
        ]
        absent = {tp for tp, more in has_more.items() if more and tp not in self._held} - self._given_up
        reached = [self._reached.get(tp, -inf) for tp in absent]
        taken = self._up_to(min([*ends, *reached], default=inf), size)
        if not taken and self._is_out_of_patience(absent):
            self._given_up |= absent
            taken = self._up_to(min(ends, default=inf), size)
        if taken:
            self._waits_since = None
        return taken

    def _up_to(self, time_ms: float, size: Callable[[TP], int]) -> Round:
        """Take of each partition what comes up to *time_ms*, those first that begin first."""
        taken = []
        for tp in sorted(self._held, key=lambda tp: (self._held[tp].records[0].timestamp, tp)):
            chunk = self._held[tp]
            n = _n_until(chunk, time_ms, size(tp))
            if not n:
                continue
            head, tail = chunk.split(n)
            taken.append((tp, head))
            self._reached[tp] = max(self._reached.get(tp, -inf), head.records[-1].timestamp)
            if tail is None:
                del self._held[tp]
            else:
                self._held[tp] = tail
        return taken

    def _is_out_of_patience(self, absent: set[TP]) -> bool:
        now = self._clock()
        if self._waits_since is None:
            self._waits_since = now
        if now - self._waits_since < PATIENCE_S:
            return False
        log.warning("merge_waited_in_vain", seconds=PATIENCE_S, partitions=sorted(map(str, absent)))
        return True


def _end(chunk: Chunk, most: int, has_more: bool) -> float | None:
    """Return the time that the next records, *most* at most, reach; ``None`` if these are all there are."""
    records = chunk.records
    n, most = min(LEAST_RECORDS, most, len(records)), min(most, len(records))
    soon_ms = records[0].timestamp + SOON_MS
    while n < most and records[n].timestamp <= soon_ms:
        n += 1
    if n == len(records) and not has_more:
        return None
    return float(max(record.timestamp for record in records[:n]))


def _n_until(chunk: Chunk, time_ms: float, most: int) -> int:
    """Return how many records at the head of *chunk*, *most* at most, come up to *time_ms*."""
    n = 0
    for record in chunk.records[:most]:
        if record.timestamp > time_ms:
            break
        n += 1
    return n
