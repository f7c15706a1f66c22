"""A Kafka if none is named, topics, workers, and how it goes, until Ctrl-C."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from agents.interrupts import Interrupts
from agents.pipeline_topics import topic_specs
from agents.supervisor import Supervisor, WorkerProcess
from agents.up.view import LineView, LiveView, View, partitions
from agents.up.watch import CHECK_INTERVAL_S, Watch
from headrace import __version__
from headrace.errors import HeadraceError, LocalKafkaError
from headrace.pipeline import Pipeline
from headrace.settings import Settings
from streams import client, dev_kafka, topics
from streams.jars import KAFKA_VERSION

JOIN_TIMEOUT_S = 60.0
SESSION_TIMEOUT_S = 6.0
"""Kafka's least by default: what a killed worker held moves soon. A value of the user's wins."""


class Options(msgspec.Struct, frozen=True):
    """What the command line says; ``settings.bootstrap`` is ``None`` for a local Kafka in *kafka_dir*."""

    target: str
    workers: int
    settings: Settings
    kafka_dir: Path


class Up:
    """Runs a pipeline in one terminal and tells *console* about it.

    Parameters
    ----------
    console
        Gets figures redrawn in place if it is a terminal, plain lines if not.
    interrupts
        Already entered: a signal must find its way out at any moment.

    Attributes
    ----------
    is_up
        Whether all workers had joined: from then on an interruption is the usual end.
    """

    def __init__(
        self, pipeline: Pipeline, options: Options, console: Console, interrupts: Interrupts
    ) -> None:
        self.is_up = False
        self._is_stopping = False
        self._pipeline = pipeline
        self._options = options
        self._console = console
        self._interrupts = interrupts
        self._logs = Path(options.settings.data_dir) / "logs" / pipeline.name
        self._view: View = LiveView(console) if console.is_terminal else LineView(console)

    def run(self) -> None:
        """Run until interrupted; then end in order what was started here.

        Raises
        ------
        HeadraceError
            If Kafka, the topics or the workers cannot be had, or are lost.
        """
        self._console.print(f"[bold]headrace {__version__}[/] {self._pipeline.label}")
        with ExitStack() as stack:
            bootstrap = self._options.settings.bootstrap or self._local_kafka(stack)
            self._interrupts.run(self._create_topics(bootstrap))
            supervisor = stack.enter_context(self._workers(bootstrap))
            try:
                with self._busy(f"starting {len(supervisor.workers)} workers"):
                    self._interrupts.run(self._joined(supervisor))
                self._introduce(supervisor, bootstrap)
                self.is_up = True
                with self._view:
                    self._interrupts.run(self._watch(supervisor, bootstrap))
            except KeyboardInterrupt:
                self._is_stopping = True
                self._console.print("stopping ...")
                raise

    def _local_kafka(self, stack: ExitStack) -> str:
        folder = self._options.kafka_dir
        running = dev_kafka.status(folder)
        if running is not None:
            self._say("kafka", f"{running.bootstrap}, ran already and stays up")
            return running.bootstrap
        started_at = time.monotonic()
        stack.callback(dev_kafka.down, folder)
        with self._busy("starting Apache Kafka") as progress:
            bootstrap = dev_kafka.up(folder, progress=progress).bootstrap
        took_s = time.monotonic() - started_at
        self._say(
            "kafka", f"Apache Kafka {KAFKA_VERSION} at {bootstrap}, up in {took_s:.1f} s, data in {folder}"
        )
        return bootstrap

    async def _create_topics(self, bootstrap: str) -> None:
        specs = topic_specs(self._pipeline)
        async with client.admin(bootstrap) as admin:
            made = await topics.create(admin, specs)
            await topics.require(admin, specs, self._options.target)
        if self._options.settings.bootstrap:
            self._say("kafka", bootstrap)
        names = ", ".join(f"{spec.name} (new)" if spec.name in made else spec.name for spec in specs)
        self._say("topics", f"{names}: {self._pipeline.log.partitions} partitions, the last one 1")

    def _workers(self, bootstrap: str) -> Supervisor:
        chosen = self._options.settings.session_timeout_s
        if chosen == Settings().session_timeout_s:
            chosen = SESSION_TIMEOUT_S
        return Supervisor(
            self._options.target,
            self._options.workers,
            self._logs,
            options=["--bootstrap", bootstrap],
            env={"HEADRACE_SESSION_TIMEOUT_S": str(chosen)},
            say=self._view.note,
            on_log=self._on_log,
        )

    def _on_log(self, worker: WorkerProcess, line: dict[str, Any]) -> None:
        if self.is_up and not self._is_stopping and line["event"] == "assigned":
            self._view.note(f"worker {worker.number} holds partitions: {partitions(worker.partitions)}")

    async def _joined(self, supervisor: Supervisor) -> None:
        deadline = time.monotonic() + JOIN_TIMEOUT_S
        while not _shared(supervisor.workers):
            supervisor.check(time.monotonic())
            if time.monotonic() > deadline:
                tails = "\n".join(f"worker {w.number}: {w.log_tail()}" for w in supervisor.workers)
                raise HeadraceError(
                    f"the workers did not join their group in {JOIN_TIMEOUT_S:.0f} s",
                    why=f"their logs end:\n{tails}",
                    fix=f"headrace doctor {self._options.target}",
                )
            await asyncio.sleep(CHECK_INTERVAL_S / 2)

    def _introduce(self, supervisor: Supervisor, bootstrap: str) -> None:
        for worker in supervisor.workers:
            held = partitions(worker.partitions)
            self._say(f"worker {worker.number}", f"partitions {held}, pid {worker.pid}, {worker.address}")
        spare = len(supervisor.workers) - self._pipeline.log.partitions
        if spare > 0:
            self._say("note", f"{spare} of the workers in reserve: there are not more partitions")
        self._say("logs", str(self._logs))
        source = self._pipeline.source
        key = f" --key {source.key}" if source.key else ""
        where = f" --bootstrap {bootstrap}" if self._options.settings.bootstrap else ""
        self._say("try", f"headrace send {source.name} FILE{key}{where}")
        self._say("", f"headrace tail {self._pipeline.name}.predictions -f{where}")

    def _watch(self, supervisor: Supervisor, bootstrap: str) -> Coroutine[Any, Any, None]:
        return Watch(self._pipeline, supervisor, self._view, self._require_kafka).run(bootstrap)

    def _require_kafka(self) -> None:
        folder = self._options.kafka_dir
        if self._options.settings.bootstrap is None and dev_kafka.status(folder) is None:
            raise LocalKafkaError(
                "the local Kafka has ended", fix=f"its log: {folder / 'node-1' / 'broker.log'}"
            )

    @contextmanager
    def _busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something takes time; yield where to tell how it goes."""
        if self._console.is_terminal:
            with self._console.status(f"{text} ...") as status:
                yield status.update
        else:
            yield lambda more: self._say("", more)

    def _say(self, what: str, text: str) -> None:
        self._console.print(f"{what:9} {text}", markup=False, soft_wrap=True)


def _shared(workers: Sequence[WorkerProcess]) -> bool:
    """Return whether all have joined and, after the last rebalance, no partition is held twice."""
    held = [partition for worker in workers for partition in worker.partitions or ()]
    return all(worker.partitions is not None for worker in workers) and len(held) == len(set(held))
