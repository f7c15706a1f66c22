"""The demo from start to end: Kafka, one scene after the other, what to try next."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console

from agents.demo import next_steps
from agents.demo.options import Options
from agents.demo.outcome import Outcome
from agents.demo.scene import Scene
from agents.demo.speaking import Speaker
from agents.demo.stage import Place, Stage, keys_file
from agents.interrupts import Interrupts, kill_children
from agents.supervisor import Supervisor
from headrace import __version__
from headrace.errors import HeadraceError
from streams.broker import LocalKafka
from streams.jars import KAFKA_VERSION

CHECK_INTERVAL_S = 0.25

Outcomes = Mapping[str, Outcome]
"""What came of each scene, by its name."""


class Demo:
    """Shows *scenes*, and tells *console* about it.

    Parameters
    ----------
    console
        Gets a live panel if it is a terminal, plain lines if not.
    interrupts
        Already entered: a signal must find its way out at any moment.
    """

    def __init__(
        self, scenes: Sequence[Scene], options: Options, console: Console, interrupts: Interrupts
    ) -> None:
        self._scenes = scenes
        self._options = options
        self._console = console
        self._speaker = Speaker(console)
        self._interrupts = interrupts

    def run(self, report: Callable[[Outcomes], None]) -> Outcomes:
        """Run it, hand the result to *report* and return it; with ``keep``, stay until interrupted."""
        for scene in self._scenes:
            scene.require()
        self._console.print(f"[bold]headrace {__version__}[/] demo")
        with ExitStack() as stack:
            folder = stack.enter_context(_folder())
            stack.enter_context(self._saying_when_it_stops())
            place = Place(self._options.bootstrap or self._start_kafka(stack, folder), folder)
            if self._options.bootstrap:
                self._speaker.say("kafka", f"the one at {place.bootstrap}")
            found, supervisors = self._show(stack, place)
            self._show_next_steps(place)
            report(found)
            if self._options.keep:
                self._stay(supervisors)
        return found

    def _show(self, stack: ExitStack, place: Place) -> tuple[Outcomes, list[Supervisor]]:
        """Show each scene; return what came of them, and who keeps their workers."""
        found: dict[str, Outcome] = {}
        supervisors: list[Supervisor] = []
        for number, scene in enumerate(self._scenes, start=1):
            if len(self._scenes) > 1:
                self._console.rule(f"[bold]scene {number} of {len(self._scenes)}: {scene.name}", align="left")
            stage = Stage(scene, self._options, self._speaker, self._interrupts)
            found[scene.name] = stage.show(stack, place)
            supervisors.append(stage.supervisor)
        return found, supervisors

    def _start_kafka(self, stack: ExitStack, folder: Path) -> str:
        started_at = time.monotonic()
        with self._speaker.busy("starting Apache Kafka") as progress:
            kafka = stack.enter_context(LocalKafka(folder / "kafka", progress=progress))
        took_s = time.monotonic() - started_at
        self._speaker.say("kafka", f"Apache Kafka {KAFKA_VERSION} at {kafka.bootstrap}, up in {took_s:.1f} s")
        return kafka.bootstrap

    def _show_next_steps(self, place: Place) -> None:
        keep, own = self._options.keep, self._options.bootstrap is None
        steps = next_steps.without_kafka()
        if keep or not own:
            keys = keys_file(place.folder) if own else None
            steps = [
                step
                for scene in self._scenes
                for step in scene.steps(place.bootstrap, workers=keep, keys=keys)
            ]
        if not own:
            self._console.print(f"\nThe Kafka at {place.bootstrap} keeps the topics.")
        self._console.print(f"\n[bold]Try{', in another terminal' if keep else ''}[/]")
        next_steps.show(self._console, steps)

    def _stay(self, supervisors: Sequence[Supervisor]) -> None:
        what = "The workers stay" if self._options.bootstrap else "Kafka and the workers stay"
        workers = [worker for supervisor in supervisors for worker in supervisor.workers]
        pids = " or ".join(str(worker.pid) for worker in workers)
        self._console.print(f"\nA worker may be killed (kill -9 {pids}): it comes back from its snapshots.")
        self._console.print(f"{what} up; [bold]Ctrl-C ends them[/] and removes what they wrote here.")

        async def watch() -> None:
            while True:
                for supervisor in supervisors:
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
