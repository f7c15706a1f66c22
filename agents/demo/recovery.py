"""How far the workers are with records that were answered before, which they replay in silence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

import aiohttp

from agents.supervisor import WorkerProcess

INTERVAL_S = 0.5
_TIMEOUT = aiohttp.ClientTimeout(total=2.0)
_REMAINING = re.compile(r"^headrace_recovery_remaining_events\{.*\} (\S+)$", re.MULTILINE)


class Recovery:
    """Asks the workers' web servers, again and again.

    Attributes
    ----------
    remaining
        Records each worker has still to replay, by its number; absent while it is not known.
    told
        The newest metrics of each worker, by its number, as Prometheus reads them.
    """

    def __init__(self, workers: Sequence[WorkerProcess]) -> None:
        self.remaining: dict[int, int] = {}
        self.told: dict[int, str] = {}
        self._workers = workers

    async def watch(self) -> None:
        """Ask for ever."""
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
            while True:
                for worker in self._workers:
                    await self._ask(session, worker)
                await asyncio.sleep(INTERVAL_S)

    async def _ask(self, session: aiohttp.ClientSession, worker: WorkerProcess) -> None:
        if worker.address is None or worker.partitions is None:
            self.remaining.pop(worker.number, None)
            return
        try:
            async with session.get(f"{worker.address}/metrics") as reply:
                self.told[worker.number] = text = await reply.text()
                self.remaining[worker.number] = remaining(text)
        except (aiohttp.ClientError, TimeoutError):
            self.remaining.pop(worker.number, None)


def remaining(exposition: str) -> int:
    """Return the records to replay, summed over partitions, from a worker's metrics."""
    return int(sum(map(float, _REMAINING.findall(exposition))))
