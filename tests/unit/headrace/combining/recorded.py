"""Recorded streams of answers, with members that are missing and labels that come later."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from headrace.models.combining.combiner import Combiner
from headrace.models.verbs import Task
from schemas import Answer

NAMES = ("good", "fair", "bad")
SKILL = {"good": 0.9, "fair": 0.7, "bad": 0.4}
LABELS = ("a", "b", "c")


class Event(NamedTuple):
    """What the members said of an event, its features and its label; ``known`` is when that comes."""

    said: dict[str, Answer]
    x: dict[str, Any]
    y: Any
    known: int


def stream(task: Task, n: int, *, seed: int = 1, missing: float = 0.2, delay: int = 7) -> list[Event]:
    """Return *n* events; each label comes 0 to *delay* events later, each member misses a share of them."""
    rng = random.Random(seed)
    events = []
    for i in range(n):
        x = {"place": rng.choice(["north", "south", None]), "size": rng.uniform(0, 10)}
        y = {"classification": rng.choice(LABELS), "anomaly": None}.get(task, rng.gauss(50, 10))
        said = {name: _answer(task, name, y, rng) for name in NAMES if rng.random() >= missing}
        events.append(Event(said, x, y, i + rng.randint(0, delay)))
    return events


def _answer(task: Task, name: str, y: Any, rng: random.Random) -> Answer:
    if task == "anomaly":
        scale = {"good": 1.0, "fair": 1e3, "bad": 1e-3}[name]
        return Answer(score=round(scale * rng.expovariate(1.0), 2))
    if task == "regression":
        return Answer(y + rng.gauss(0, 10 * (1 - SKILL[name])))
    label = y if rng.random() < SKILL[name] else rng.choice(LABELS)
    if name == "bad":
        return Answer(label)  # gives no probabilities
    rest = rng.uniform(0.0, 0.5)
    shares = dict.fromkeys(LABELS, rest / 2) | {label: 1.0 - rest}
    return Answer(label, shares)


def told(combiner: Combiner, events: list[Event]) -> Iterator[tuple[Answer, list[Event]]]:
    """Ask *combiner* of each event, and teach it each label when it comes; yield answers and what it knew."""
    known: list[Event] = []
    for i, event in enumerate(events):
        yield combiner.answer(event.said, event.x), list(known)
        for other in events[: i + 1]:
            if other.known == i:
                combiner.learn(other.said, other.x, other.y)
                known.append(other)
