"""Contestant headrace: a real worker, intake and learner in one process, everything on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import psutil

from agents.bench.flights import pipelines
from agents.bench.flights.asked import arguments
from agents.bench.peers.common import Clock
from agents.worker import Worker
from agents.worker_metrics import WorkerMetrics
from headrace import logs
from headrace.fold import Counts, Fold, Record
from headrace.settings import load

N_SAMPLES = 40
"""How often memory is looked at, evenly spread over the records."""


class FoldingMetrics(WorkerMetrics):
    """The worker's metrics, which also run the clock, look at memory and tell when *n_records* are folded."""

    def __init__(self, pipeline: str, topic: str, n_records: int) -> None:
        super().__init__(pipeline, topic)
        self.clock = Clock()
        self.folded = asyncio.Event()
        self.rss_mb: list[float] = []
        self.labels = 0
        self._n_records = n_records
        self._done = 0
        self._process = psutil.Process()

    def chunk(self, fold: Fold, records: Sequence[Record], counts: Counts, **facts: Any) -> None:
        """Take in one folded chunk."""
        super().chunk(fold, records, counts, **facts)
        self.clock.start(facts["elapsed_s"])
        self._done += len(records)
        self.labels += counts.learned
        if self._done * N_SAMPLES >= self._n_records * (len(self.rss_mb) + 1):
            self.rss_mb.append(self._process.memory_info().rss / 2**20)
        if self._done >= self._n_records:
            self.folded.set()


async def main() -> None:
    """Run the worker until the flights asked for are folded, acknowledged and committed."""
    asked = arguments()
    pipeline = pipelines.pipeline
    worker = Worker(pipeline, load(bootstrap=asked.bootstrap, http_port=0), target=pipelines.TARGET)
    metrics = FoldingMetrics(pipeline.name, pipeline.log.name, asked.records)
    worker.metrics = metrics
    running = asyncio.create_task(worker.run())
    folded = asyncio.create_task(metrics.folded.wait())
    await asyncio.wait({running, folded}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
        raise SystemExit("the worker stopped before all flights were folded")
    await worker._partitions.settle()  # noqa: SLF001 - returns when all is acknowledged and committed
    metrics.clock.report(asked.flights, labels=metrics.labels, rss_mb=metrics.rss_mb)


if __name__ == "__main__":
    logs.configure("warning")
    asyncio.run(main())
