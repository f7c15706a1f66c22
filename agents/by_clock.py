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

    A model too slow is taken out after the chunk in which it was, before the next is folded: this is measured
    nowhere else. Costs are means, and wait for a second's events.

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
        """Look for ever what steps cost."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            await self.look()

    async def look(self) -> None:
        """Decide what steps cost, from the next record of their partition on."""
        for tp, owned in self._partitions.items():
            for model, cost_us in owned.processor.take_costs():
                await self._decide(tp, owned, ("cost", model, cost_us))

    async def folded(self, tp: TP) -> None:
        """Take the models out that were too slow in the chunk of *tp* that was folded just now.

        Where that may not be decided yet, it is decided after a later chunk.
        """
        if tp in self._partitions:
            owned = self._partitions[tp]
            for model, n_late in owned.processor.late():
                await self._decide(tp, owned, ("open", model, n_late))

    async def _decide(self, tp: TP, owned: Partition, measured: tuple[Turn, str, float]) -> None:
        if not owned.may_decide(await self._published_end(tp.partition)):
            return
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
