"""How far a worker is behind its log and its sources, by the brokers, and whether any of them answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.replay_progress import ReplayProgress
from agents.worker_metrics import WorkerMetrics
from headrace.errors import HeadraceError
from streams import waiting
from streams.app import HeadraceApp
from streams.partition import Partition
from streams.transport import partitions_by_topic, raw_producer

log = structlog.get_logger(__name__)

INTERVAL_S = 1.0
ANSWER_WITHIN_S = 5.0


class LagWatch:
    """Measures about once a second; gives up when no broker has answered for too long.

    Parameters
    ----------
    silence_limit_s
        The time without an answer after which the worker cannot go on.

    Attributes
    ----------
    lags
        Records that wait, by partition of the log and of the sources.
    contact_at
        When a broker answered last, by the monotonic clock.
    replay
        What is left to replay.
    """

    def __init__(self, metrics: WorkerMetrics, silence_limit_s: float) -> None:
        self.lags: dict[TP, int] = {}
        self.contact_at = time.monotonic()
        self.replay = ReplayProgress()
        self._metrics = metrics
        self._silence_limit_s = silence_limit_s

    async def watch(
        self,
        app: HeadraceApp,
        owned: Callable[[], dict[TP, Partition]],
        taken_in: Callable[[], dict[TP, int]],
    ) -> None:
        """Watch the partitions that *owned* returns, and of the sources those in *taken_in*, for ever.

        Raises
        ------
        HeadraceError
            If no broker answered for the limit.
        """
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                await self._measure(app, owned(), taken_in())
                self.contact_at = time.monotonic()
            except (KafkaError, TimeoutError) as error:
                self._silent(error)

    def _silent(self, error: Exception) -> None:
        silent_s = time.monotonic() - self.contact_at
        log.warning("broker_silent", seconds=round(silent_s), error=type(error).__name__)
        if silent_s > self._silence_limit_s:
            raise HeadraceError(
                f"no broker answered for {silent_s:.0f} s",
                why=str(error) or type(error).__name__,
                fix="the worker stops so that a supervisor can start it again",
            ) from error

    async def _measure(self, app: Any, owned: dict[TP, Partition], taken_in: dict[TP, int]) -> None:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            if not owned and not taken_in:  # nothing to measure, but is anybody there?
                self.lags = {}
                self._metrics.sources({})
                await partitions_by_topic(raw_producer(app))
                return
            positions = {tp: partition.processor.next_offset for tp, partition in owned.items()}
            self.lags = await waiting.lags(app, positions | taken_in)
        self._metrics.in_flight(sum(partition.in_flight for partition in owned.values()))
        remaining = {tp.partition: partition.to_replay for tp, partition in owned.items()}
        self.replay.update(time.monotonic(), remaining)
        for tp in owned:
            self._metrics.partition(tp.partition, lag=self.lags[tp], replay=remaining[tp.partition])
        self._metrics.sources({tp: self.lags[tp] for tp in taken_in})
