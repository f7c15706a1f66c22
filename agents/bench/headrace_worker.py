"""Contestant headrace: a real worker, everything on, that reports when its share of the events is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agents.bench.peers.common import Clock, arguments
from agents.bench.pipelines import build
from agents.worker import Worker
from agents.worker_metrics import WorkerMetrics
from headrace import logs
from headrace.fold import Counts, Fold, Record
from headrace.settings import load

POLL_S = 0.001
"""How often to look whether all is done; 0.1 % of the shortest run."""


class CountingMetrics(WorkerMetrics):
    """The worker's metrics, which also count the events for the clock."""

    def __init__(self, pipeline: str, topic: str, clock: Clock) -> None:
        super().__init__(pipeline, topic)
        self.clock = clock
        self.done = 0

    def chunk(self, fold: Fold, records: Sequence[Record], counts: Counts, **facts: Any) -> None:
        """Take in one folded chunk."""
        super().chunk(fold, records, counts, **facts)
        self.clock.start(facts["elapsed_s"])
        self.done += counts.predicted


async def run() -> None:
    """Run the worker until the events asked for are folded, acknowledged and committed."""
    asked = arguments()
    pipeline = build(asked.group, asked.source, asked.model)
    worker = Worker(pipeline, load(bootstrap=asked.bootstrap, http_port=0), target="bench")
    metrics = worker.metrics = CountingMetrics(pipeline.name, pipeline.source.name, Clock())
    running = asyncio.create_task(worker.run())
    while metrics.done < asked.events and not running.done():
        await asyncio.sleep(POLL_S)
    if not running.done():
        await worker._partitions.settle()  # noqa: SLF001 - the moment at which all is acknowledged
        metrics.clock.report(metrics.done)
        worker.stop()
    await running


if __name__ == "__main__":
    logs.configure("warning")
    asyncio.run(run())
