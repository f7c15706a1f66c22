"""A consumer that reads a log in memory for the partitions of an app."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord
from faust.types import TP

from streams.app import HeadraceApp
from streams.chunking import Chunk
from streams.partitions import Partitions
from streams.transport import ChunkConsumer
from tests.unit.streams.ownership import Owner

A, B, COLD = TP("hot", 0), TP("hot", 1), TP("control", 0)


def record(tp: TP, offset: int) -> ConsumerRecord:
    return ConsumerRecord(tp.topic, tp.partition, offset, 1_000 + offset, 0, None, b"v", 0, -1, 1, ())


class Log:
    """Stands for Faust's consumer thread and the broker behind it: logs, positions, committed offsets."""

    def __init__(self, lengths: Mapping[TP, int], fetch: int = 100) -> None:
        self.records = {tp: [record(tp, n) for n in range(length)] for tp, length in lengths.items()}
        self.owned = set(lengths)
        self.position = dict.fromkeys(lengths, 0)
        self.committed = dict.fromkeys(lengths, 0)
        self.fetch = fetch
        self.n_fetches = 0
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    def assignment(self) -> set[TP]:
        return self.owned

    async def getmany(self, active: set[TP] | None, timeout: float) -> dict[TP, list[ConsumerRecord]]:  # noqa: ASYNC109
        """Return the next records; what happens *meanwhile* happens before the positions move."""
        self.n_fetches += 1
        asked = sorted(active or ())
        found = {tp: part for tp in asked if (part := self.records[tp][self.position[tp] :][: self.fetch])}
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        for tp, part in found.items():
            self.position[tp] = part[-1].offset + 1
        return found

    def has_more(self, tp: TP) -> bool:
        return self.position[tp] < len(self.records[tp])

    async def seek_to_committed(self) -> dict[TP, int]:
        for tp in self.owned:
            self.position[tp] = self.committed[tp]
        return {tp: self.committed[tp] for tp in self.owned}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        self.position.update(partitions)


class Bench(NamedTuple):
    """A consumer that reads a log for the partitions of an app."""

    consumer: ChunkConsumer
    log: Log
    app: HeadraceApp
    owner: Owner

    @property
    def partitions(self) -> Partitions:
        return self.owner.partitions

    async def delivered(self) -> list[tuple[TP, Any]]:
        """Return what one round of Faust's loop gets."""
        return [(tp, message) async for tp, message in self.consumer.getmany(1.0)]

    def folded(self, tp: TP) -> list[int]:
        found: list[int] = self.owner.fold(tp).folded
        return found


Prepare = Callable[..., Awaitable[Bench]]


async def nothing(*_: Any, **__: Any) -> bool:
    return True


def offsets(chunk: Chunk) -> list[int]:
    return [r.offset for r in chunk.records]
