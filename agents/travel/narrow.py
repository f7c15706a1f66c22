"""Where exactly a live run went another way: the first published result that the fold does not give."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec

from agents.travel import crew, log
from agents.travel.crew import Tell
from agents.travel.passage import Orders, Passage
from agents.travel.refold import Refold, opened, through
from agents.travel.results import Place, Result, Results, compared, place_of
from headrace.fold import Counts, Fold, Record
from streams import client
from streams.transport import partitions_by_topic


def first_difference(orders: Orders, passage: Passage, topic: str) -> int | None:
    """Return the offset of the first event of *passage* whose result in *topic* is not the fold's.

    ``None`` if there is none, or no results are there.
    """
    loud = msgspec.structs.replace(passage, publish_from=passage.start, places=(), expected=())
    (found,) = crew.run(_look, [(orders, loud, topic)])
    return found


class _FoundError(Exception):
    """The search is over: *offset*."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


def _look(orders: Orders, passage: Passage, topic: str, tell: Tell) -> int | None:
    return asyncio.run(_search(orders, passage, topic, tell))


async def _search(orders: Orders, passage: Passage, topic: str, tell: Tell) -> int | None:
    address = orders.settings.bootstrap or ""
    sealing = opened(orders)
    async with client.reader(address) as consumer:
        if topic not in await partitions_by_topic(consumer):
            return None
        start, stop = await log.bounds(consumer, topic, passage.partition)
        results = Results(consumer, topic, passage.partition).read(start, stop)
        refold = Refold(sealing, orders.topic, passage, lambda fold: _Comparing(fold, results))
        try:
            await through(orders, [passage], [refold], tell)
        except _FoundError as found:
            return found.offset
    return None


class _Comparing:
    """Compares what a fold says with what was published."""

    def __init__(self, fold: Fold, results: AsyncIterator[Result]) -> None:
        self._fold = fold
        self._results = results
        self._next: Result | None = None
        self._has_begun = False

    async def step_chunk(self, records: Sequence[Record]) -> Counts:
        """Fold *records* and compare.

        Raises
        ------
        _FoundError
            At the first difference.
        """
        said: list[tuple[Place, int, bytes]] = []

        def emit(result_id: str, key: bytes | None, value: bytes, record: Record) -> None:
            said.append((place_of(result_id), record.offset, value))

        counts = self._fold.step_chunk(records, emit, _pass_over)
        for place, offset, value in sorted(said):
            await self._compare(place, offset, value)
        return counts

    async def finish(self) -> None:
        """Nothing is left to do."""

    async def _compare(self, place: Place, offset: int, value: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._next = await anext(self._results, None)
        while self._next is not None and self._next.place < place:
            self._next = await anext(self._results, None)
        if self._next is not None and self._next.place == place and self._next.compared != compared(value):
            raise _FoundError(offset)


def _pass_over(letter_id: str, key: bytes | None, value: bytes, record: Record) -> None:
    """Dead letters do not depend on a state."""
