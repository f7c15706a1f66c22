"""Decides what only a clock tells, a model too slow, a cost: a replay reads the decision and has no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from faust.types import TP

from headrace.errors import OrderError
from schemas.decisions import Decision, Turn
from streams.partition import Partition
from streams.partitions import Partitions
from streams.ports import Journal

log = structlog.get_logger(__name__)

LOOK_INTERVAL_S = 1.0


class ByClock:
    """Looks what was measured of the models of the partitions owned here.

    Parameters
    ----------
    version
        Of the pipeline: what its models cost or miss is nothing to the models of another version.
    published_end
        Returns the offset after the last record of a partition that has a result, whoever wrote it: what was
        answered already must not be decided anew.
    """

    def __init__(
        self,
        version: int,
        partitions: Partitions,
        journal: Journal,
        published_end: Callable[[int], Awaitable[int]],
    ) -> None:
        self._version = version
        self._partitions = partitions
        self._journal = journal
        self._published_end = published_end

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            await self.look()

    async def look(self) -> None:
        """Decide what follows from what was measured, from the next record of its partition on."""
        for tp, owned in [*self._partitions.items()]:
            for action, model, value in owned.processor.take_measured():
                if owned.may_decide(await self._published_end(tp.partition)):
                    await self._decide(tp, owned, (action, model, value))

    async def _decide(self, tp: TP, owned: Partition, measured: tuple[Turn, str, float]) -> None:
        (action, model, value), offset = measured, owned.processor.next_offset
        made_id = f"{action}/{owned.epoch}/{offset}/{model}"
        where = {"action": action, "model": model, "partition": tp.partition}
        decision = Decision(made_id, -1, -1, action, model=model, value=value, version=self._version)
        try:
            act = await owned.decide(self._journal, decision)
        except OrderError as error:  # its circuit has opened meanwhile, for another reason
            log.info("not_decided", **where, why=error.what)
            return
        if act is not None:  # else the partition is another's
            log.warning("decided_by_clock", **where, at=act.decision.at, value=value)
