"""Looks after the workers and shows how it goes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiokafka.errors import KafkaError

from agents.rate import Rate
from agents.supervisor import Supervisor
from agents.up import meter
from agents.up.meter import Meter, Progress
from agents.up.view import Standing, View, WorkerRow
from headrace.pipeline import Pipeline

CHECK_INTERVAL_S = 0.25
METER_INTERVAL_S = 1.0


class Watch:
    """Checks the workers a few times a second and Kafka's offsets once.

    Parameters
    ----------
    require_kafka
        Called when no broker answers; raises if none ever will.
    """

    def __init__(
        self, pipeline: Pipeline, supervisor: Supervisor, view: View, require_kafka: Callable[[], None]
    ) -> None:
        self._pipeline = pipeline
        self._supervisor = supervisor
        self._view = view
        self._require_kafka = require_kafka
        self._progress = Progress(0, 0, {}, 0, None)
        self._rate = Rate()
        self._per_second = 0.0
        self._started_at = self._heard_at = self._asked_at = time.monotonic()

    async def run(self, bootstrap: str) -> None:
        """Watch for ever.

        Raises
        ------
        HeadraceError
            If a worker dies again and again, or Kafka is gone for good.
        """
        async with meter.opened(bootstrap, self._pipeline) as gauge:
            while True:
                now = time.monotonic()
                self._supervisor.check(now)
                if now - self._asked_at >= METER_INTERVAL_S:
                    self._asked_at = now
                    await self._measure(gauge)
                self._view.update(self._standing(time.monotonic()))
                await asyncio.sleep(CHECK_INTERVAL_S)

    async def _measure(self, gauge: Meter) -> None:
        try:
            self._progress = await gauge.read()
        except (KafkaError, TimeoutError):
            self._require_kafka()
            return
        self._heard_at = time.monotonic()
        self._per_second = self._rate.mark(self._heard_at, self._progress.predictions + self._progress.dead)

    def _standing(self, now: float) -> Standing:
        progress = self._progress
        silent_s = now - self._heard_at
        workers = [
            WorkerRow(
                worker.number,
                worker.pid,
                worker.partitions,
                sum(progress.lags.get(p, 0) for p in worker.partitions or ()),
                worker.address,
            )
            for worker in self._supervisor.workers
        ]
        return Standing(
            label=self._pipeline.label,
            elapsed_s=now - self._started_at,
            events=progress.predictions + progress.dead,
            rate=self._per_second,
            lag=sum(progress.lags.values()),
            dead=progress.dead,
            latest=progress.latest,
            workers=workers,
            silent_s=silent_s if silent_s > meter.ANSWER_TIMEOUT_S else 0.0,
            waiting=progress.waiting,
        )
