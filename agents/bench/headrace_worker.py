"""Contestant headrace: a real worker, everything on, that reports when its events are acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from agents.bench.peers.common import Clock, Half, arguments
from agents.bench.pipelines import build
from agents.worker import Worker
from agents.worker_metrics import WorkerMetrics
from headrace import logs
from headrace.fold import Counts, Fold, Record
from headrace.settings import Settings, load


class CountingMetrics(WorkerMetrics):
    """The worker's metrics, which also run the clock and tell when *n_events* are folded."""

    def __init__(self, pipeline: str, topic: str, n_events: int) -> None:
        super().__init__(pipeline, topic)
        self.clock = Clock()
        self.folded = asyncio.Event()
        self.done = 0
        self._n_events = n_events

    def chunk(self, fold: Fold, records: Sequence[Record], counts: Counts, **facts: Any) -> None:
        """Take in one folded chunk."""
        super().chunk(fold, records, counts, **facts)
        self.clock.start(facts["elapsed_s"])
        self.done += counts.predicted
        if self.done >= self._n_events:
            self.folded.set()


def settings(bootstrap: str) -> Settings:
    """Return the settings of the worker: all are the defaults, but a snapshot may name our own model."""
    own = f"{Half.__module__}.{Half.__qualname__}"
    return load(bootstrap=bootstrap, http_port=0, snapshot_classes=(own,))


async def main() -> None:
    """Run the worker until the events asked for are folded, acknowledged and committed."""
    asked = arguments()
    pipeline = build(asked.group, asked.source, asked.model)
    worker = Worker(pipeline, settings(asked.bootstrap), target="bench")
    metrics = CountingMetrics(pipeline.name, pipeline.log.name, asked.events)
    worker.metrics = metrics
    running = asyncio.create_task(worker.run())
    folded = asyncio.create_task(metrics.folded.wait())
    await asyncio.wait({running, folded}, return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
        raise SystemExit("the worker stopped before all events were folded")
    await worker._partitions.settle()  # noqa: SLF001 - returns when all is acknowledged and committed
    metrics.clock.report(metrics.done)


if __name__ == "__main__":
    logs.configure("warning")
    asyncio.run(main())
