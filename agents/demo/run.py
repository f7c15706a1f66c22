"""The demo from start to end: Kafka, topics, workers, flights, the panel, the story."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

import msgspec
from rich.console import Console

from agents.demo import flights, story
from agents.demo.flights_pipeline import Flight, pipeline
from agents.demo.panel import LineView, PanelView, View
from agents.demo.session import Session, create_topics
from agents.interrupts import Interrupts
from agents.supervisor import Supervisor
from agents.worker import topic_specs
from headrace import __version__
from headrace.errors import HeadraceError
from streams.broker import LocalKafka
from streams.jars import KAFKA_VERSION

N_WORKERS = 2
CHECK_INTERVAL_S = 0.25
SESSION_TIMEOUT_S = 6
"""Kafka's least by default: the partitions of a killed worker move soon enough to watch."""


class Options(msgspec.Struct, frozen=True):
    """What the command line says; ``bootstrap`` is ``None`` for a Kafka of the demo's own."""

    events: int
    bootstrap: str | None
    keep: bool


class Demo:
    """Runs the demo and tells *console* about it.

    Parameters
    ----------
    console
        Gets a live panel if it is a terminal, plain lines if not.
    interrupts
        Already entered: a signal must find its way out at any moment.
    """

    def __init__(self, options: Options, console: Console, interrupts: Interrupts) -> None:
        self._options = options
        self._console = console
        self._interrupts = interrupts
        self._view: View = PanelView(console) if console.is_terminal else LineView(console)

    def run(self) -> story.Summary:
        """Run it and return what came of it; with ``keep``, when it is interrupted."""
        archive = flights.archive()
        self._console.print(f"[bold]headrace {__version__}[/] demo")
        with ExitStack() as stack:
            folder = stack.enter_context(_folder(keep=self._options.keep))
            bootstrap = self._options.bootstrap or self._start_kafka(stack, folder)
            self._create_topics(bootstrap)
            supervisor = stack.enter_context(self._workers(bootstrap, folder))
            departures = flights.load(self._options.events, archive)
            found = self._stream(bootstrap, departures, supervisor)
            story.tell(self._console, found)
            story.next_steps(self._console, bootstrap if self._options.keep else None)
            if self._options.keep:
                self._stay(supervisor, folder)
        return found

    def _start_kafka(self, stack: ExitStack, folder: Path) -> str:
        started_at = time.monotonic()
        with self._busy("starting Apache Kafka") as progress:
            kafka = stack.enter_context(LocalKafka(folder / "kafka", progress=progress))
        took_s = time.monotonic() - started_at
        self._say("kafka", f"Apache Kafka {KAFKA_VERSION} at {kafka.bootstrap}, up in {took_s:.1f} s")
        return kafka.bootstrap

    def _create_topics(self, bootstrap: str) -> None:
        n_before = self._interrupts.run(create_topics(bootstrap))
        if self._options.bootstrap:
            self._say("kafka", bootstrap)
        names = ", ".join(spec.name for spec in topic_specs(pipeline))
        self._say("topics", f"{names} ({pipeline.source.partitions} partitions each)")
        if n_before:
            self._say("note", f"{n_before:,} flights are there already; the models learn them first")

    def _workers(self, bootstrap: str, folder: Path) -> Supervisor:
        return Supervisor(
            story.TARGET,
            N_WORKERS,
            folder / "logs",
            options=["--bootstrap", bootstrap],
            env={"HEADRACE_SESSION_TIMEOUT_S": str(SESSION_TIMEOUT_S)},
            say=self._view.note,
        )

    def _stream(self, bootstrap: str, departures: list[Flight], supervisor: Supervisor) -> story.Summary:
        session = Session(bootstrap, departures, supervisor)
        with self._busy("starting two workers"):
            self._interrupts.run(session.shared())
        for worker in supervisor.workers:
            held = ", ".join(map(str, worker.partitions or ()))
            self._say(f"worker {worker.number}", f"partitions {held}, pid {worker.pid}, {worker.address}")
        self._console.print()
        with self._view:
            self._interrupts.run(session.run(self._view))
        first, *_, last = (departures[0], *departures)
        return story.summarise(
            session.ledger,
            session.score,
            session.split,
            bootstrap=bootstrap,
            period=story.Period(_day(first), _day(last)),
            elapsed_s=session.elapsed_s,
            restarts=supervisor.restarts,
        )

    def _stay(self, supervisor: Supervisor, folder: Path) -> None:
        self._console.print("\nKafka and the workers stay up. [bold]Ctrl-C ends them.[/]")

        async def watch() -> None:
            while True:
                supervisor.check(time.monotonic())
                await asyncio.sleep(CHECK_INTERVAL_S)

        try:
            self._interrupts.run(watch())
        except KeyboardInterrupt:
            self._console.print(f"stopping; logs and data stay in {folder}", soft_wrap=True)

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


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    """Yield a new folder, removed in the end: but for the logs if the demo failed, not at all if *keep*."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-demo-"))
    try:
        yield folder
    except HeadraceError:
        shutil.rmtree(folder / "kafka", ignore_errors=True)
        raise
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)


def _day(flight: Flight) -> date:
    return date(2013, flight.month, flight.day)
