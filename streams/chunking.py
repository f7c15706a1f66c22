"""How many records make a chunk: 36 ms of work at most, whatever the model costs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

TARGET_S = 0.036
MAX_RECORDS = 2_000
FIRST_RECORDS = 50
_SMOOTHING = 0.5


class Chunk(NamedTuple):
    """Records of one partition that follow each other in the log, and where they follow on.

    ``follows`` is the offset up to which (not including) the partition was fetched before this chunk: a
    state that has not come so far has missed something. Gaps between offsets are legal in Kafka, this one
    is not.
    """

    records: Sequence[Any]
    follows: int

    def since(self, offset: int) -> Sequence[Any]:
        """Return the records from *offset* on: those before came already."""
        if self.records[0].offset >= offset:
            return self.records
        return [record for record in self.records if record.offset >= offset]

    def split(self, n: int) -> tuple[Chunk, Chunk | None]:
        """Return the first *n* records and the rest, if there is any."""
        if n >= len(self.records):
            return self, None
        head, tail = self.records[:n], self.records[n:]
        return Chunk(head, self.follows), Chunk(tail, head[-1].offset + 1)


class ChunkSizer:
    """Learns the cost of a record and answers with the chunk size; decides how, never what, is computed."""

    def __init__(self) -> None:
        self._cost_s = TARGET_S / FIRST_RECORDS

    @property
    def cost_s(self) -> float:
        """Smoothed wall-clock seconds per record."""
        return self._cost_s

    @property
    def size(self) -> int:
        """Records for the next chunk, 1 to `MAX_RECORDS`."""
        return max(1, min(MAX_RECORDS, int(TARGET_S / self._cost_s)))

    def update(self, n_records: int, elapsed_s: float) -> None:
        """Take in that *n_records* took *elapsed_s*."""
        cost_s = max(elapsed_s, 1e-7) / n_records
        self._cost_s += _SMOOTHING * (cost_s - self._cost_s)

    @contextmanager
    def measure(self, n_records: int) -> Iterator[None]:
        """Measure the body of a ``with`` as the work on *n_records*."""
        start = time.perf_counter()
        yield
        self.update(n_records, time.perf_counter() - start)
