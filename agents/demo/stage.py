"""Where a scene is shown: topics, workers, a view, and the proof at its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from agents.demo.chaos import Chaos
from agents.demo.options import Options
from agents.demo.outcome import Outcome, Ran
from agents.demo.preparation import create_topics
from agents.demo.proof import prove
from agents.demo.scene import Performance, Scene
from agents.demo.session import Session
from agents.demo.speaking import Speaker
from agents.demo.telling import many, tell_proof
from agents.demo.views import View, view_on
from agents.interrupts import Interrupts
from agents.pipeline_topics import topic_specs
from agents.supervisor import Supervisor
from headrace import settings
from headrace.pipeline import Pipeline

N_WORKERS = 2
SESSION_TIMEOUT_S = 6
"""Kafka's least by default: the partitions of a killed worker move soon enough to watch."""

SNAPSHOT_INTERVAL_S = 2

WATCHDOG_S = 30
"""Half of what the demo waits before it gives up: a worker that hangs is started again meanwhile."""


class Place(NamedTuple):
    """The Kafka that scenes are shown on, and the demo's folder."""

    bootstrap: str
    folder: Path


class Stage:
    """Shows one scene.

    Parameters
    ----------
    speaker
        Told about it.
    interrupts
        Already entered.

    Attributes
    ----------
    supervisor
        Of its workers; they live as long as the stack given to `show`, unless that ends them.
    """

    supervisor: Supervisor

    def __init__(self, scene: Scene, options: Options, speaker: Speaker, interrupts: Interrupts) -> None:
        self._scene = scene
        self._options = options
        self._speaker = speaker
        self._console = speaker.console
        self._interrupts = interrupts
        self._view: View = view_on(speaker.console)
        self._chaos = Chaos(self._view.note) if options.chaos else None

    def show(self, stack: ExitStack, place: Place) -> Outcome:
        """Show it from start to end, and return what came of it."""
        n_before = self._create_topics(place.bootstrap)
        chosen = self._settings(place)
        supervisor = stack.enter_context(self._workers(chosen, place.folder))
        self.supervisor = supervisor
        performance, session = self._get_ready(place.bootstrap, supervisor)
        with self._view:
            self._interrupts.run(session.run(self._view))
        kills = self._chaos.kills if self._chaos else ()
        ran = Ran(place.bootstrap, n_before, supervisor.restarts, session.elapsed_s, session.workers, kills)
        found = performance.conclude(self._console, ran)
        if not self._options.keep:
            supervisor.stop()  # their last snapshots hold all that they learned
        return found if self._chaos is None else self._prove(found, chosen)

    def _create_topics(self, bootstrap: str) -> int:
        scene = self._scene
        n_before = self._interrupts.run(create_topics(bootstrap, scene.pipeline, scene.target))
        for what, names in _topics(scene.pipeline).items():
            if names:
                self._speaker.say(what, ", ".join(names))
        if n_before:
            text = f"{many(n_before, 'record')} in there already: the models learn them first"
            self._speaker.say("note", text)
        return n_before

    def _settings(self, place: Place) -> dict[str, Any]:
        """Return the settings that are not the user's; with a Kafka of the demo's own the keys are, too."""
        chosen: dict[str, Any] = {
            "bootstrap": place.bootstrap,
            "session_timeout_s": SESSION_TIMEOUT_S,
            "snapshot_interval_s": SNAPSHOT_INTERVAL_S,
            "watchdog_s": WATCHDOG_S,
            **self._scene.settings,
        }
        if self._options.bootstrap is None:
            chosen |= {"keys_file": str(keys_file(place.folder)), "environment": "development"}
        if self._options.delivery is not None:
            chosen["delivery"] = self._options.delivery
        return chosen

    def _workers(self, chosen: Mapping[str, Any], folder: Path) -> Supervisor:
        return Supervisor(
            self._scene.target,
            N_WORKERS,
            folder / "logs" / self._scene.name,
            env={f"HEADRACE_{name.upper()}": str(value) for name, value in chosen.items()},
            say=self._view.note,
            on_log=self._chaos.heard if self._chaos else lambda _, __: None,
        )

    def _get_ready(self, bootstrap: str, supervisor: Supervisor) -> tuple[Performance, Session]:
        """Prepare what is sent while the workers start."""
        speaker = self._speaker
        with speaker.busy(f"starting two workers, {self._scene.preparing}") as progress:
            performance = self._scene.begin()
            session = Session(performance.play, bootstrap, supervisor, chaos=self._chaos)
            self._interrupts.run(session.join(progress))
        for worker in supervisor.workers:
            held = ", ".join(map(str, worker.partitions or ()))
            speaker.say(f"worker {worker.number}", f"partitions {held}, pid {worker.pid}, {worker.address}")
        self._console.print()
        return performance, session

    def _prove(self, found: Outcome, chosen: Mapping[str, Any]) -> Outcome:
        """Compare the state of the models with that of the log folded again."""
        self._console.print("\n[bold]The proof[/]")
        proof = prove(self._scene.target, settings.load(**chosen), self._console)
        tell_proof(self._console, found, proof)
        return msgspec.structs.replace(found, proof=proof)


def _topics(pipeline: Pipeline) -> dict[str, list[str]]:
    """Return the names of the pipeline's topics by what they are to it; a log of its own is one more."""
    log = [pipeline.log.name] if pipeline.log_sources else []
    sources = [source.topic for source in pipeline.log_sources] or [pipeline.source.name]
    others = [spec.name for spec in topic_specs(pipeline) if spec.name not in {*sources, *log}]
    return {"in": sources, "log": log, "out": others}


def keys_file(folder: Path) -> Path:
    """Return where the keys of a demo with a Kafka of its own are."""
    return folder / "keys.json"
