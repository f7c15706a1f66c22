"""The demo from start to end: Kafka, topics, workers, flights, the panel, the story."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Iterator
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
from headrace import __version__
from headrace.errors import HeadraceError
from streams.broker import LocalKafka
from streams.jars import KAFKA_VERSION

N_WORKERS = 2
CHECK_INTERVAL_S = 0.25
SESSION_TIMEOUT_S = "6"
"""Kafka's default minimum: a killed worker's partitions move soon enough to watch."""


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

    def run(self) -> story.Summary:
        """Run it; everything it started has ended when this returns."""
        archive = flights.archive()
        self._console.print(f"[bold]headrace {__version__} demo[/]", highlight=False)
        with ExitStack() as stack:
            folder = stack.enter_context(_folder())
            bootstrap = self._options.bootstrap or self._start_kafka(stack, folder)
            n_before = self._interrupts.run(create_topics(bootstrap))
            self._say("topics", f"{pipeline.source.name}, flights.predictions, flights.dead   4 partitions each")
            if n_before:
                self._say("note", f"{n_before:,} flights are there from before: the models learn them first")
            supervisor = stack.enter_context(self._workers(bootstrap, folder))
            departures = flights.load(self._options.events, archive)
            found = self._stream(bootstrap, departures, supervisor)
            story.tell(self._console, found)
            story.next_steps(self._console, bootstrap if self._options.keep else None)
            if self._options.keep:
                self._stay(bootstrap, supervisor, folder)
        return found

    def _start_kafka(self, stack: ExitStack, folder: Path) -> str:
        started_at = time.monotonic()
        with self._busy("starting Apache Kafka") as progress:
            kafka = LocalKafka(folder / "kafka", progress=progress)
            stack.enter_context(kafka)
        took_s = time.monotonic() - started_at
        self._say("kafka", f"Apache Kafka {KAFKA_VERSION} at {kafka.bootstrap}   {took_s:.1f} s")
        return kafka.bootstrap
