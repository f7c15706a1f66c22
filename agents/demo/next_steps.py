"""Commands to try after the demo, each as it works where it is shown."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.text import Text

from agents.flights.data import TOTAL
from agents.flights.pipeline import ARRIVALS, DEPARTURES, pipeline
from headrace.truth import LABELS_STATUS
from streams.topics import facts_topic, predictions_topic

TARGET = "agents.flights.pipeline"
OWN_FLIGHT = (
    '{"id":"mine/1","at":1358983500,"month":1,"day":23,"weekday":2,"hour":18.0,"distance":733,'
    '"carrier":"UA","origin":"LGA","dest":"ORD","region":"north middle","dep_delay":25}'
)
OWN_ARRIVAL = '{"event_id":"mine/1","carrier":"UA","late":true,"at":1358992500}'


class Step(NamedTuple):
    """A command, and what it is good for."""

    command: str
    why: str


def show(console: Console, steps: list[Step]) -> None:
    """Print *steps*: side by side where that fits, else each command below its reason."""
    width = max(len(step.command) for step in steps)
    fits = all(2 + width + 3 + len(step.why) <= console.width for step in steps)
    for command, why in steps:
        if fits:
            text = Text.assemble(f"  {command:{width}}   ", (why, "dim"))
        else:
            text = Text.assemble(("  # " + why, "dim"), f"\n  {command}")
        console.print(text, soft_wrap=True)


def without_kafka() -> list[Step]:
    """Return what to try once the demo's Kafka is gone."""
    headrace = program()
    return [
        Step(f"{headrace} demo --keep", "the same, and it stays up to look at"),
        Step(f"{headrace} demo --chaos", "a worker is killed every ten seconds, and nothing is lost"),
        Step(f"{headrace} demo --scene flights --events {TOTAL}", "the whole year, month by month"),
        Step(f"{headrace} init my-app", "a project of your own"),
        Step(f"{headrace} --help", "everything else"),
    ]


def with_kafka(bootstrap: str, *, workers: bool, keys: Path | None = None) -> list[Step]:
    """Return what to try on a Kafka that stays, with or without the demo's workers.

    *keys* is where the workers' keys are, if a command would not find them by itself.
    """
    headrace, at = program(), f"--bootstrap {bootstrap}"
    sealed = "" if keys is None else f"HEADRACE_KEYS_FILE={shlex.quote(str(keys))} "
    results = predictions_topic(pipeline.name)
    steps = [
        Step(f"{headrace} status {TARGET} {at}", "who works on what, and how far"),
        Step(f"{headrace} dead ls {TARGET} -n 5 {at}", "what could not be processed, and why"),
        Step(f"{headrace} topics ls {at}", "all topics"),
        Step(
            f"{sealed}{headrace} verify {TARGET} {at}",
            "the log folded again: is the state of the models what it should be?",
        ),
    ]
    if workers:
        steps += [
            Step(f"echo '{own}' | {headrace} send {topic} - --key {pipeline.source.key} {at}", why)
            for own, topic, why in (
                (OWN_FLIGHT, DEPARTURES, "a flight of your own"),
                (OWN_ARRIVAL, ARRIVALS, "it arrives: its label"),
            )
        ]
    yours = ": yours, if you sent it" if workers else ""
    states = facts_topic(pipeline.name, LABELS_STATUS)
    steps += [
        Step(f"{headrace} tail {states} -n 1 {at}", f"what became of the newest label{yours}"),
        Step(f"{headrace} tail {results} -n 3 {at}", f"the newest results{yours}"),
    ]
    if shutil.which("kcat"):
        steps.append(Step(f"kcat -C -b {bootstrap} -t {results} -o -1 -e", "any Kafka client will do"))
    return steps


def program() -> str:
    """Return how to call this headrace from a shell here."""
    own = Path(sys.executable).with_name("headrace")
    found = shutil.which("headrace")
    if found is not None and Path(found).resolve() == own.resolve():
        return "headrace"
    if not own.exists():
        return f"{shlex.quote(sys.executable)} -m headrace"
    here = Path.cwd()
    if own.is_relative_to(here) and os.environ.get("PWD") == str(here):
        own = own.relative_to(here)
    return shlex.quote(str(own))
