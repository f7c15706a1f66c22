"""One worker process: one Faust app that folds its share of a pipeline's partitions."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from agents import health, intake, learning, rounds, stands, watchdog
from agents.garbage import collect_rarely
from agents.lag import LagWatch
from agents.lease import Lease, clock, end_evicted
from agents.ownership import owning
from agents.pipeline_topics import topic_specs
from agents.stands import Stand
from agents.worker_metrics import WorkerMetrics
from headrace.errors import HeadraceError
from headrace.loading import Attach
from headrace.metrics import set_build_info
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from streams import client, groups, heartbeats, topics
from streams.app import AppSettings, HeadraceApp, build_app
from streams.intake import IntakePartitions
from streams.partition import Partition
from streams.partitions import Partitions
from streams.transport import raw_producer

log = structlog.get_logger(__name__)

STOP_LIMIT_S = 10.0
"""A worker that has not stopped by itself after this long ends the hard way."""


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
        self.metrics = WorkerMetrics(pipeline.name, pipeline.log.name)
        self._stopping = asyncio.Event()
        self._app: HeadraceApp | None = None
        self._state = "starting"
        self._revoked_at: float | None = None
        self._fault: Exception | None = None
        self._n_revocations = self._n_before = 0
        self._lag = LagWatch(self.metrics, settings.broker_lost_timeout_s)
        self._lease = Lease(settings.session_timeout_s)
        self._watchdog = watchdog.Watchdog(settings.watchdog_s, self._facts)

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
        self._watchdog.limit_stop((signal.SIGTERM, signal.SIGINT), STOP_LIMIT_S + 2.0)
        settings = self.settings
        async with (
            self._watchdog.watching(),
            health.serving(
                settings.http_host, settings.http_port, self.status, self.models, self.metrics.stand
            ) as port,
        ):
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
        owned = self._partitions.items() if self._app and self._app.partitions else []
        ready = self._state == "running" and bool(owned)
        return {
            "ready": ready and not any(partition.is_replaying for _, partition in owned),
            "state": self._state,
            "pipeline": self.pipeline.label,
            "partitions": sorted(tp.partition for tp, _ in owned),
            "paused": sorted(tp.partition for tp, partition in owned if partition.is_paused),
            "replay": self._lag.replay.report(),
        }

    def models(self) -> list[Stand]:
        """Return what `/models` tells."""
        owned = self._partitions.items() if self._app and self._app.partitions else []
        return [stands.live(tp.partition, partition) for tp, partition in sorted(owned)]

    def _facts(self) -> watchdog.Facts:
        owned = self._partitions.items() if self._app and self._app.partitions else []
        paused = self._app.paused() if self._app else set()
        return watchdog.facts(
            self._state,
            positions={tp: partition.processor.next_offset for tp, partition in owned},
            taken_in=self._taken_in(),
            lags={tp: n for tp, n in self._lag.lags.items() if tp not in paused},
            is_replaying=any(partition.is_replaying for _, partition in owned),
            silent_s=time.monotonic() - self._lag.contact_at,
        )

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
        app = self._app = build_app(AppSettings.of(self.settings, self.pipeline.name, port=port))
        heartbeats.watch(heartbeats.Membership(self.pipeline.name, clock, self._lease.renew, end_evicted))
        http = f"http://{self.settings.http_host}:{port}"
        async with owning(
            app, self.pipeline, self.settings, self.metrics, http=http, is_held=self._lease.is_held
        ) as ownership:
            learning.attach(app, self.pipeline, ownership.partitions, ownership.folded)
            if self.pipeline.log_sources:
                intake.attach(
                    app,
                    self.pipeline,
                    self.pipeline.log_sources,
                    log_partitions=self.pipeline.log.partitions,
                    accept_lost_records=self.settings.accept_lost_records,
                    observe=self.metrics.taken_in,
                )
            if self._attach is not None:
                self._attach(app)
            await self._live(app, ownership.beside)

    async def _live(self, app: HeadraceApp, beside: Sequence[Coroutine[Any, Any, None]]) -> None:
        app.on_partitions_assigned.connect(self._noted, weak=False)  # type: ignore[arg-type] # Faust's types
        app.on_rebalance_complete.connect(self._assigned, weak=False)  # type: ignore[arg-type] # Faust's callback
        app.on_partitions_revoked.connect(self._revoked, weak=False)  # type: ignore[arg-type] # types are too wide
        self._state = "joining the group"
        app.in_worker = True
        collect_rarely()
        watchers = [
            rounds.commit(self._owners, self.settings, self.target),
            rounds.write_down(self._partitions),
            self._lag.watch(app, self._running, self._taken_in),
            self._watch_app(app),
        ]
        watchers += beside
        try:
            if await self._first(app.start()):
                await self._first(*watchers)
            else:
                for watcher in watchers:
                    watcher.close()
        except HeadraceError as error:
            # Said before stopping, which without a broker takes its whole time and ends the process.
            log.critical("worker_cannot_go_on", reason=error.what, why=error.why)
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
        heartbeats.hold_back(raw_producer(app), self._lease.is_held)
        if self._n_revocations != self._n_before:  # they were taken away again: the next assignment counts
            return
        hot = sorted(tp for tp in app.consumer.assignment() if tp.topic in app.hot_topics)
        tps = [tp for tp in hot if tp.topic == self.pipeline.log.name]
        before = {tp.partition for tp, _ in self._partitions.items()}
        try:
            await self._partitions.assign(tps)
            if app.intake is not None:
                await app.intake.assign([tp for tp in hot if tp.topic != self.pipeline.log.name])
        except (HeadraceError, KafkaError) as error:  # Faust would say no more than that a callback failed
            self._fault = error
            return
        now = [tp.partition for tp in tps]
        self.metrics.assignment(now, sorted(before - set(now)))
        for tp, partition in self._partitions.items():
            self.metrics.partition(tp.partition, lag=0, replay=partition.to_replay)
        if self._revoked_at is not None:
            self.metrics.rebalanced(time.monotonic() - self._revoked_at)
        self._state, self._revoked_at = "running", None
        log.info("assigned", pipeline=self.pipeline.label, partitions=now)

    async def _noted(self, app: HeadraceApp, assigned: Any, **_: Any) -> None:
        self._n_before = self._n_revocations

    async def _revoked(self, app: HeadraceApp, revoked: Any, **_: Any) -> None:
        self._n_revocations += 1
        self._state, self._revoked_at = "rebalancing", time.monotonic()
        log.info("rebalance_started", pipeline=self.pipeline.label)
        await self._settle()

    @property
    def _owners(self) -> list[Partitions | IntakePartitions]:
        """What owns partitions of this worker: of the log, and of the sources it takes in."""
        intake = None if self._app is None else self._app.intake
        return [self._partitions, *([] if intake is None else [intake])]

    async def _settle(self) -> None:
        for owner in self._owners:
            await owner.settle()

    def _running(self) -> dict[TP, Partition]:
        """Return the partitions that are worked on now."""
        return dict(self._partitions.items()) if self._state == "running" else {}

    def _taken_in(self) -> dict[TP, int]:
        intake = None if self._app is None else self._app.intake
        return {} if intake is None or self._state != "running" else intake.positions()

    async def _watch_app(self, app: HeadraceApp) -> None:
        while not (app.should_stop or app.crashed or self._fault):  # noqa: ASYNC110 - no event for all
            await asyncio.sleep(0.1)
        if isinstance(self._fault, HeadraceError):
            raise self._fault
        reason = self._fault or app.crash_reason
        raise HeadraceError("the worker cannot go on", why=f"{type(reason).__name__}: {reason}") from reason

    async def _shut_down(self) -> None:
        self._state = "stopping"
        app = self._app
        self._watchdog.stopping(STOP_LIMIT_S + 2.0)
        if self._lease.has_lapsed():  # without a broker the producer's flush would take all that time
            log.error("stopped_without_broker", reason="nothing can be published or committed any more")
            os._exit(1)
        try:
            async with asyncio.timeout(STOP_LIMIT_S):
                try:
                    if app is not None and not app.crashed and not app.should_stop:
                        await self._settle()
                finally:
                    if app is not None:
                        await app.stop()
        except TimeoutError:
            log.error("stop_timed_out", limit_s=STOP_LIMIT_S)  # noqa: TRY400 - a stack would tell nothing
            os._exit(1)


def run(pipeline: Pipeline, settings: Settings, *, target: str, attach: Attach | None = None) -> None:
    """Run one worker in this process until it is told to stop; see `Worker.run`."""

    async def main() -> None:
        await Worker(pipeline, settings, target=target, attach=attach).run()

    asyncio.run(main())
