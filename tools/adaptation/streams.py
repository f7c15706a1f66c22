"""Streams of which it is known when, and how, the world changes."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Literal, NamedTuple, TypeAlias

from river.datasets import synth

Event: TypeAlias = tuple[dict[Any, Any], Any]
Kind: TypeAlias = Literal["none", "abrupt", "gradual", "recurring", "unknown"]

KINDS: tuple[Kind, ...] = ("none", "abrupt", "gradual", "recurring")
N_EVENTS = 4_000
GRADUAL_WIDTH = 800
"""Events over which one concept gives way to the other: from 2 to 98 % of the new one."""


class Stream(NamedTuple):
    """Events, and the positions at which a change begins.

    ``settled`` is how many events after its beginning a change is complete.
    """

    name: str
    kind: Kind
    events: list[Event]
    changes: tuple[int, ...]
    settled: int = 0


def _sea(concept: int, seed: int) -> Any:
    return synth.SEA(variant=(2, 3)[concept], noise=0.05, seed=seed)


def _agrawal(concept: int, seed: int) -> Any:
    return synth.Agrawal(classification_function=(0, 2)[concept], seed=seed, perturbation=0.05)


def _led(concept: int, seed: int) -> Any:
    return synth.LEDDrift(
        seed=seed, noise_percentage=0.1, irrelevant_features=True, n_drift_features=(0, 5)[concept]
    )


def _hyperplane(concept: int, seed: int) -> Any:
    """Two planes: the seed of the source decides which, so events come from one of two seeds."""
    return synth.Hyperplane(
        seed=seed + 1_000 * concept, n_features=10, n_drift_features=0, noise_percentage=0.05
    )


SOURCES: dict[str, Callable[[int, int], Any]] = {
    "SEA": _sea,
    "Agrawal": _agrawal,
    "LED": _led,
    "Hyperplane": _hyperplane,
}


def synthetic(name: str, kind: Kind, seed: int, n: int = N_EVENTS) -> Stream:
    """Return *n* events of the source *name* with changes of *kind*."""
    concepts = [iter(SOURCES[name](concept, seed + concept)) for concept in (0, 1)]
    if kind == "none":
        return Stream(name, kind, list(islice(concepts[0], n)), ())
    if kind == "gradual":
        middle, width = n // 2, GRADUAL_WIDTH
        begin = middle - width // 2
        return Stream(name, kind, list(_mixed(concepts, n, middle, width, seed)), (begin,), width)
    changes = (n // 2,) if kind == "abrupt" else (n // 4, n // 2, 3 * n // 4)
    return Stream(name, kind, list(_switched(concepts, n, changes)), changes)


def _switched(concepts: list[Iterator[Event]], n: int, changes: tuple[int, ...]) -> Iterator[Event]:
    for i in range(n):
        yield next(concepts[sum(i >= change for change in changes) % 2])


def _mixed(concepts: list[Iterator[Event]], n: int, middle: int, width: int, seed: int) -> Iterator[Event]:
    chance = random.Random(seed)  # noqa: S311 - no secret
    for i in range(n):
        share = 1.0 / (1.0 + math.exp(-8.0 * (i - middle) / width))
        yield next(concepts[chance.random() < share])
