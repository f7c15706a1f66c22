"""What a process reads of the log, and where it stands: what Faust and aiokafka do to deliver chunks."""

from __future__ import annotations

from faust.types import TP

from streams.chunking import Chunk
from tests.simulation.world import World


class Flow:
    """Reading after an assignment, until the next: where each partition goes on."""

    def __init__(self, world: World, positions: dict[TP, int], chunk_records: int) -> None:
        self._world = world
        self._positions = dict(positions)
        self._chunk_records = chunk_records

    def seek(self, positions: dict[TP, int]) -> None:
        """Go on elsewhere."""
        self._positions |= positions

    def _waiting(self) -> list[tuple[TP, int]]:
        logs = self._world.kafka.logs
        return [(tp, at) for tp, at in self._positions.items() if logs[tp.partition].end > at]

    @property
    def has_records(self) -> bool:
        """Whether there is anything to read."""
        return bool(self._waiting())

    def fetch(self) -> tuple[TP, Chunk]:
        """Return some records of a partition, and move on behind them."""
        rng, waiting = self._world.rng, self._waiting()
        tp, position = waiting[int(rng.random() * len(waiting))]
        n = 1 + int(rng.random() * self._chunk_records)
        records = self._world.kafka.logs[tp.partition].read(position, n)
        self._positions[tp] = records[-1].offset + 1
        return tp, Chunk(records, position)
