"""Takes models out that are too slow by the clock, by decisions: a replay reads them and has no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from faust.types import TP

from headrace.errors import OrderError
from schemas.decisions import Decision
from streams.partition import Partition
from streams.partitions import Partitions
from streams.ports import Journal

log = structlog.get_logger(__name__)

LOOK_INTERVAL_S = 1.0


class Deadlines:
    """Looks whether models of the partitions owned here answer in time.

    Parameters
    ----------
    published_end
        Returns the offset after the last record of a partition that has a result, whoever wrote it: what was
        answered already must not be decided anew.
    """

    def __init__(
        self, partitions: Partitions, journal: Journal, published_end: Callable[[int], Awaitable[int]]
    ) -> None:
        self._partitions = partitions
        self._journal = journal
        self._published_end = published_end

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            await self.look()

    async def look(self) -> None:
        """Decide to take out what is too slow, from the next record of its partition on."""
        for tp, owned in [*self._partitions.items()]:
            for model, n_late in owned.processor.take_late():
                if owned.may_decide(await self._published_end(tp.partition)):
                    await self._take_out(tp, owned, model, n_late)

    async def _take_out(self, tp: TP, owned: Partition, model: str, n_late: float) -> None:
        offset = owned.processor.next_offset
        decision = Decision(f"slow/{owned.epoch}/{offset}/{model}", -1, -1, "open", model=model, value=n_late)
        try:
            await owned.decide(self._journal, decision)
        except OrderError as error:  # its circuit has opened meanwhile, for another reason
            log.info("model_too_slow", model=model, partition=tp.partition, why=error.what)
            return
        log.warning("model_too_slow", model=model, partition=tp.partition, at=offset, late=n_late)
