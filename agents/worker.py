"""One worker process: one Faust app that folds its share of a pipeline's partitions."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from agents import health, learning
from agents.worker_metrics import WorkerMetrics
from headrace.errors import HeadraceError
from headrace.loading import Attach
from headrace.metrics import set_build_info
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from streams import client, groups, topics
from streams.app import AppSettings, HeadraceApp, build_app
from streams.partitions import Partitions
from streams.transport import committed_offsets, partitions_by_topic, raw_producer

log = structlog.get_logger(__name__)

STOP_LIMIT_S = 10.0
"""A worker that has not stopped by itself after this long ends the hard way."""

LAG_INTERVAL_S = 1.0


def topic_specs(pipeline: Pipeline) -> list[topics.TopicSpec]:
    """Return the topics *pipeline* needs."""
    source = pipeline.source
    return topics.pipeline_topics(
        pipeline.name,
        source.name,
        key=source.key,
        event=source.event_type.__name__,
        partitions=source.partitions,
        retention_s=source.retention_s,
    )


class Worker:
    """Runs a pipeline until it is told to stop, or cannot go on.

    Parameters
    ----------
    pipeline
        What to run.
    settings
        Where and how; `Settings.bootstrap` must be set.
    target
        What the user typed, for error messages.
    attach
        Adds agents of the user's own to the worker's Faust app.

    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, *, target: str, attach: Attach | None = None
    ) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.target = target
        self._attach = attach
        self.bootstrap = settings.bootstrap or ""
        self.metrics = WorkerMetrics(pipeline.name, pipeline.source.name)
        self._stopping = asyncio.Event()
        self._app: HeadraceApp | None = None
        self._state = "starting"
        self._contact_at = time.monotonic()
        self._revoked_at: float | None = None

    def stop(self) -> None:
        """Finish the chunk, flush, commit, leave the group."""
        self._stopping.set()

    async def run(self) -> None:
        """Work until `stop`.

        Raises
        ------
        HeadraceError
            If the topics are not as declared, the group is taken, or the worker cannot go on.

        """
        set_build_info()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        settings = self.settings
        async with health.serving(settings.http_host, settings.http_port, self.status) as port:
            log.info(
                "worker_starting",
                pipeline=self.pipeline.label,
                pid=os.getpid(),
                http=f"http://{settings.http_host}:{port}",
            )
            if await self._first(self._prepare()):
                await self._work(port)
        log.info("worker_stopped", pipeline=self.pipeline.label)

    def status(self) -> dict[str, Any]:
        """Return what `/ready` tells."""
        owned = self._partitions.items() if self._app else []
        ready = self._state == "running" and bool(owned)
        return {
            "ready": ready and not any(partition.is_replaying for _, partition in owned),
            "state": self._state,
            "pipeline": self.pipeline.label,
            "partitions": sorted(tp.partition for tp, _ in owned),
        }

    @property
    def _partitions(self) -> Partitions:
        if self._app is None or self._app.partitions is None:
            raise RuntimeError("the worker has no app yet")
        return self._app.partitions

    async def _prepare(self) -> None:
        self._state = "waiting for a broker"
        await client.wait_for_broker(self.bootstrap)
        async with client.admin(self.bootstrap) as admin:
            await topics.require(admin, topic_specs(self.pipeline), self.target)
            await groups.require_ours(admin, self.pipeline.name)

    async def _work(self, port: int) -> None:
        app = self._app = build_app(
            AppSettings(
                bootstrap=self.bootstrap,
                group=self.pipeline.name,
                worker_port=port,
                session_timeout_s=self.settings.session_timeout_s,
                fetch_bytes=self.settings.fetch_bytes,
                compression=self.settings.compression,
            )
        )
        learning.attach(app, self.pipeline, self.metrics)
        if self._attach is not None:
            self._attach(app)
        app.on_rebalance_complete.connect(self._assigned, weak=False)  # type: ignore[arg-type] # Faust's callback
        app.on_partitions_revoked.connect(self._revoked, weak=False)  # type: ignore[arg-type] # types are too wide
        self._state = "joining the group"
        app.in_worker = True
        gc.collect()
        gc.freeze()  # a collection need not look at the libraries, a third of a million objects
        watchers = [self._commit_for_ever(), self._watch_lag(), self._watch_app()]
        try:
            if await self._first(app.start()):
                await self._first(*watchers)
            else:
                for watcher in watchers:
                    watcher.close()
        except HeadraceError as error:
            # Said before stopping, which without a broker takes its whole time and ends the process.
            log.error("worker_cannot_go_on", reason=error.what, why=error.why)  # noqa: TRY400 - no stack
            raise
        finally:
            await self._shut_down()

    async def _first(self, *work: Any) -> bool:
        """Run *work* until any of it ends or `stop` is called; return whether it ended by itself."""
        tasks = [asyncio.ensure_future(w) for w in (*work, self._stopping.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()
        return not self._stopping.is_set()

    async def _assigned(self, app: HeadraceApp, **_: Any) -> None:
        """Own what was assigned. Heartbeats go on here, and nothing is delivered before it returns."""
        tps = sorted(tp for tp in app.consumer.assignment() if tp.topic in app.hot_topics)
        before = {tp.partition for tp, _ in self._partitions.items()}
        committed = await committed_offsets(app, tps) if tps else {}
        earliest = await app.consumer.earliest_offsets(*tps) if tps else {}
        self._partitions.assign(committed, earliest)
        now = [tp.partition for tp in tps]
        self.metrics.assignment(now, sorted(before - set(now)))
        for tp, partition in self._partitions.items():
            replay = max(0, partition.emit_from - partition.processor.next_offset)
            self.metrics.partition(tp.partition, lag=0, replay=replay)
        if self._revoked_at is not None:
            self.metrics.rebalanced(time.monotonic() - self._revoked_at)
        self._state, self._revoked_at = "running", None
        log.info("assigned", pipeline=self.pipeline.label, partitions=now)

    async def _revoked(self, app: HeadraceApp, revoked: Any, **_: Any) -> None:
        self._state, self._revoked_at = "rebalancing", time.monotonic()
        await self._partitions.settle()

    async def _commit_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self.settings.commit_interval_s)
            try:
                await self._partitions.commit()
            except KafkaError as error:
                raise HeadraceError(
                    "a broker refused results, or their commit",
                    why=f"{type(error).__name__}: {error}",
                    fix=f"compare the topics: headrace topics check {self.target}",
                ) from error

    async def _watch_lag(self) -> None:
        """Measure lag against the brokers' end offsets; give up when no broker answers for too long."""
        while True:
            await asyncio.sleep(LAG_INTERVAL_S)
            try:
                await self._measure_lag()
                self._contact_at = time.monotonic()
            except (KafkaError, TimeoutError) as error:
                silent_s = time.monotonic() - self._contact_at
                log.warning("broker_silent", seconds=round(silent_s), error=type(error).__name__)
                if silent_s > self.settings.broker_lost_timeout_s:
                    raise HeadraceError(
                        f"no broker answered for {silent_s:.0f} s",
                        why=str(error) or type(error).__name__,
                        fix="the worker stops so that a supervisor can start it again",
                    ) from error

    async def _measure_lag(self) -> None:
        if self._app is None:
            return
        owned = dict(self._partitions.items()) if self._state == "running" else {}
        async with asyncio.timeout(5):
            if not owned:  # nothing to measure, but is anybody there?
                await partitions_by_topic(raw_producer(self._app))
                return
            ends: Mapping[Any, int] = await self._app.consumer.highwaters(*owned)
        self.metrics.in_flight(sum(partition.in_flight for partition in owned.values()))
        for tp, end in ends.items():
            behind = owned[tp].processor.next_offset
            self.metrics.partition(
                tp.partition,
                lag=max(0, end - behind),
                replay=max(0, owned[tp].emit_from - behind),
            )

    async def _watch_app(self) -> None:
        app = self._app
        if app is None:
            return
        while not (app.should_stop or app.crashed):  # noqa: ASYNC110 - mode offers no event for both
            await asyncio.sleep(0.1)
        reason = app.crash_reason
        raise HeadraceError("the worker cannot go on", why=f"{type(reason).__name__}: {reason}") from reason

    async def _shut_down(self) -> None:
        self._state = "stopping"
        app = self._app
        _end_for_certain()
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                try:
                    if app is not None and not app.crashed and not app.should_stop:
                        await self._partitions.settle()
                finally:
                    if app is not None:
                        await app.stop()
        except TimeoutError:
            log.error("stop_timed_out", limit_s=STOP_LIMIT_S)  # noqa: TRY400 - a stack would tell nothing
            os._exit(1)


def _end_for_certain() -> None:
    """End the process soon after `STOP_LIMIT_S`: not every task of Faust lets itself be cancelled."""
    timer = threading.Timer(STOP_LIMIT_S + 2.0, os._exit, [1])
    timer.daemon = True
    timer.start()


def run(pipeline: Pipeline, settings: Settings, *, target: str, attach: Attach | None = None) -> None:
    """Run one worker in this process until it is told to stop; see `Worker.run`."""

    async def main() -> None:
        await Worker(pipeline, settings, target=target, attach=attach).run()

    asyncio.run(main())
