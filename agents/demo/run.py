"""The demo from start to end: Kafka, topics, workers, flights, the panel, the story."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.demo import next_steps, records, story
from agents.demo.chaos import Chaos
from agents.demo.preparation import create_topics
from agents.demo.proof import prove
from agents.demo.session import Session
from agents.demo.summary import Summary, summarise
from agents.demo.views import LINE_INTERVAL_S, View, view_on
from agents.flights import data, files
from agents.flights.pipeline import pipeline
from agents.interrupts import Interrupts, kill_children
from agents.pipeline_topics import topic_specs
from agents.supervisor import Supervisor
from headrace import __version__, settings
from headrace.errors import HeadraceError
from streams.broker import LocalKafka
from streams.jars import KAFKA_VERSION

N_WORKERS = 2
CHECK_INTERVAL_S = 0.25
SESSION_TIMEOUT_S = 6
"""Kafka's least by default: the partitions of a killed worker move soon enough to watch."""

SNAPSHOT_INTERVAL_S = 2

WATCHDOG_S = 30
"""Half of what the demo waits before it gives up: a worker that hangs is started again meanwhile."""


class Options(msgspec.Struct, frozen=True):
    """What the command line says; ``bootstrap`` is ``None`` for a Kafka of the demo's own.

    ``delivery`` is that of the workers, ``None`` for what the settings say.
    """

    events: int
    bootstrap: str | None
    keep: bool
    chaos: bool = False
    delivery: str | None = None


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
        self._view: View = view_on(console)
        self._chaos = Chaos(self._view.note) if options.chaos else None

    def run(self, report: Callable[[Summary], None]) -> Summary:
        """Run it, hand the result to *report* and return it; with ``keep``, stay until interrupted."""
        where = files.folder()
        self._console.print(f"[bold]headrace {__version__}[/] demo")
        with ExitStack() as stack:
            folder = stack.enter_context(_folder())
            stack.enter_context(self._saying_when_it_stops())
            bootstrap = self._options.bootstrap or self._start_kafka(stack, folder)
            n_before = self._create_topics(bootstrap)
            chosen = self._settings(bootstrap, folder)
            supervisor = stack.enter_context(self._workers(chosen, folder))
            session = self._get_ready(chosen, supervisor, where)
            with self._view:
                self._interrupts.run(session.run(self._view))
            found = summarise(
                session,
                bootstrap=bootstrap,
                learned_before=n_before,
                restarts=supervisor.restarts,
                kills=self._chaos.kills if self._chaos else (),
            )
            story.tell(self._console, found)
            if self._chaos is not None:
                found = self._prove(found, chosen, supervisor)
            self._show_next_steps(found, folder)
            report(found)
            if self._options.keep:
                self._stay(supervisor)
        return found

    def _start_kafka(self, stack: ExitStack, folder: Path) -> str:
        started_at = time.monotonic()
        with self._busy("starting Apache Kafka") as progress:
            kafka = stack.enter_context(LocalKafka(folder / "kafka", progress=progress))
        took_s = time.monotonic() - started_at
        self._say("kafka", f"Apache Kafka {KAFKA_VERSION} at {kafka.bootstrap}, up in {took_s:.1f} s")
        return kafka.bootstrap

    def _create_topics(self, bootstrap: str) -> int:
        n_before = self._interrupts.run(create_topics(bootstrap))
        if self._options.bootstrap:
            self._say("kafka", f"the one at {bootstrap}")
        for what, names in _topics().items():
            self._say(what, ", ".join(names))
        if n_before:
            self._say(
                "note", f"{story.many(n_before, 'record')} in there already: the models learn them first"
            )
        return n_before

    def _settings(self, bootstrap: str, folder: Path) -> dict[str, Any]:
        """Return the settings that are not the user's; with a Kafka of the demo's own the keys are, too."""
        chosen: dict[str, Any] = {
            "bootstrap": bootstrap,
            "session_timeout_s": SESSION_TIMEOUT_S,
            "snapshot_interval_s": SNAPSHOT_INTERVAL_S,
            "watchdog_s": WATCHDOG_S,
        }
        if self._options.bootstrap is None:
            chosen |= {"keys_file": str(keys_file(folder)), "environment": "development"}
        if self._options.delivery is not None:
            chosen["delivery"] = self._options.delivery
        return chosen

    def _workers(self, chosen: Mapping[str, Any], folder: Path) -> Supervisor:
        return Supervisor(
            next_steps.TARGET,
            N_WORKERS,
            folder / "logs",
            env={f"HEADRACE_{name.upper()}": str(value) for name, value in chosen.items()},
            say=self._view.note,
            on_log=self._chaos.heard if self._chaos else lambda _, __: None,
        )

    def _get_ready(self, chosen: Mapping[str, Any], supervisor: Supervisor, where: Path) -> Session:
        """Read the flights while the workers start."""
        with self._busy("starting two workers, reading the flights") as progress:
            items = list(records.items(data.records(self._options.events, where)))
            session = Session(chosen["bootstrap"], items, supervisor, chaos=self._chaos)
            self._interrupts.run(session.join(progress))
        for worker in supervisor.workers:
            held = ", ".join(map(str, worker.partitions or ()))
            self._say(f"worker {worker.number}", f"partitions {held}, pid {worker.pid}, {worker.address}")
        self._console.print()
        return session

    def _prove(self, found: Summary, chosen: Mapping[str, Any], supervisor: Supervisor) -> Summary:
        """Compare the state of the models with that of the log folded again."""
        if not self._options.keep:
            supervisor.stop()  # their last snapshots hold all that they learned
        self._console.print("\n[bold]The proof[/]")
        proof = prove(settings.load(**chosen), self._console)
        story.tell_proof(self._console, found, proof)
        return msgspec.structs.replace(found, proof=proof)

    def _show_next_steps(self, found: Summary, folder: Path) -> None:
        keep, own = self._options.keep, self._options.bootstrap is None
        if keep or not own:
            keys = keys_file(folder) if own else None
            steps = next_steps.with_kafka(found.bootstrap, workers=keep, keys=keys)
        else:
            steps = next_steps.without_kafka()
        if not own:
            self._console.print(f"\nThe Kafka at {found.bootstrap} keeps the topics.")
        self._console.print(f"\n[bold]Try{', in another terminal' if keep else ''}[/]")
        next_steps.show(self._console, steps)

    def _stay(self, supervisor: Supervisor) -> None:
        what = "The workers stay" if self._options.bootstrap else "Kafka and the workers stay"
        pids = " or ".join(str(worker.pid) for worker in supervisor.workers)
        self._console.print(f"\nA worker may be killed (kill -9 {pids}): it comes back from its snapshots.")
        self._console.print(f"{what} up; [bold]Ctrl-C ends them[/] and removes what they wrote here.")

        async def watch() -> None:
            while True:
                supervisor.check(time.monotonic())
                await asyncio.sleep(CHECK_INTERVAL_S)

        self._interrupts.run(watch())

    @contextmanager
    def _saying_when_it_stops(self) -> Iterator[None]:
        try:
            yield
        except KeyboardInterrupt:
            self._console.print("stopping ...")
            raise

    @contextmanager
    def _busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something takes time; yield where to tell how it goes."""
        if self._console.is_terminal:
            with self._console.status(f"{text} ...") as status:
                yield status.update
        else:
            self._say("", f"{text} ...")
            yield _at_most_every(LINE_INTERVAL_S, lambda more: self._say("", more))

    def _say(self, what: str, text: str) -> None:
        if not self._console.is_terminal:
            self._console.print(f"{what:9} {text}", markup=False, soft_wrap=True)
            return
        grid = Table.grid(padding=(0, 1))
        grid.add_column(min_width=9)
        grid.add_row(what, Text(text))
        self._console.print(grid)


def _topics() -> dict[str, list[str]]:
    """Return the names of the pipeline's topics by what they are to it."""
    sources = [source.topic for source in pipeline.log_sources]
    others = [spec.name for spec in topic_specs(pipeline) if spec.name not in {*sources, pipeline.log.name}]
    return {"in": sources, "log": [pipeline.log.name], "out": others}


def keys_file(folder: Path) -> Path:
    """Return where the keys of a demo with a Kafka of its own are."""
    return folder / "keys.json"


def _at_most_every(interval_s: float, tell: Callable[[str], None]) -> Callable[[str], None]:
    told_at = time.monotonic()

    def told(text: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= interval_s:
            told_at = time.monotonic()
            tell(text)

    return told


@contextmanager
def _folder() -> Iterator[Path]:
    """Yield a new folder, removed in the end; of a demo that failed, the logs stay."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-demo-"))
    try:
        yield folder
    except HeadraceError:
        for data in folder.glob("kafka/node-*/data"):
            shutil.rmtree(data, ignore_errors=True)
        if not any(folder.rglob("*.log")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        kill_children()  # whoever still writes there
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)
