"""Windows computed the long way: over a list of all that ever happened."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from headrace.features.moment import Moment, bind_clock
from headrace.features.window import Window


class Happened(NamedTuple):
    """An event, at a time."""

    at_s: float
    key: str
    value: Any

    @property
    def x(self) -> dict[str, Any]:
        return {"k": self.key, "v": self.value}


def nearest_rank(share: Fraction) -> Callable[[Sequence[Any]], Any]:
    return lambda values: sorted(values)[math.ceil(share * len(values)) - 1]


STATISTICS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "count": len,
    "sum": sum,
    "mean": lambda values: statistics.fmean(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "var": lambda values: statistics.variance(values) if len(values) > 1 else None,
    "std": lambda values: statistics.stdev(values) if len(values) > 1 else None,
    "p50": lambda values: nearest_rank(Fraction(1, 2))(values) if values else None,
    "p99.9": lambda values: nearest_rank(Fraction(999, 1000))(values) if values else None,
    "p5": lambda values: nearest_rank(Fraction(1, 20))(values) if values else None,
    "distinct": lambda values: len(set(values)),
}


def over_time(how: str, events: Sequence[Happened], size_s: int, parts: int) -> list[Any]:
    """Return what a window of whole seconds says about each of *events*, before it enters."""
    said = []
    for n, event in enumerate(events):
        held = kept(events[:n], event.key, size_s, parts)
        place = place_of(event.at_s, size_s, parts)
        inside = [v for p, v in held if place - parts < p and (p <= place or how == "distinct")]
        said.append(STATISTICS[how](inside))
    return said


def place_of(at_s: float, size_s: int, parts: int) -> int:
    return math.floor(Fraction(at_s) * parts / size_s)


def kept(events: Sequence[Happened], key: str, size_s: int, parts: int) -> list[tuple[int, Any]]:
    held: list[tuple[int, Any]] = []
    newest = -math.inf
    for event in events:
        place = place_of(event.at_s, size_s, parts)
        if event.key == key and place > newest - parts:
            held.append((place, event.value))
            newest = max(newest, place)
    return [(p, v) for p, v in held if p > newest - parts]


def over_events(how: str, events: Sequence[Happened], n: int) -> list[Any]:
    """Return what a window of *n* events says about each of *events*, before it enters."""
    return [
        STATISTICS[how]([e.value for e in events[:i] if e.key == event.key][-n:])
        for i, event in enumerate(events)
    ]


def told(window: Window, events: Sequence[Happened]) -> list[Any]:
    """Return what *window* says about each of *events*, as a fold asks it."""
    moment, said = Moment(), []
    bind_clock([window], moment)
    for event in events:
        moment.begin(event.at_s)
        said.append(window.transform_one(event.x).get(window.feature))
        moment.settle()
        window.learn_one(event.x)
        assert window.transform_one(event.x).get(window.feature) == said[-1]
    return said
