"""A log as a list, for tests of the fold: declare, make events, run, look at what came out."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from river import base, linear_model, preprocessing

from headrace import Event, Pipeline, Topic
from headrace.fold import Counts, Fold


class Reading(Event):
    """Two numbers and a label."""

    a: float
    b: float
    y: bool | None = None


class Amount(Event):
    """A number to predict from another."""

    a: float
    y: float | None = None


class Kept(NamedTuple):
    """A record as the fold reads it."""

    offset: int
    value: bytes | None
    key: bytes | None = b"k"
    timestamp: int = 1_700_000_000_000
    headers: Sequence[tuple[str, bytes | None]] = ()


class Out:
    """What a fold published."""

    def __init__(self) -> None:
        self.results: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.raw: list[tuple[str, bytes | None, bytes]] = []

    def emit(self, result_id: str, key: bytes | None, value: bytes, _: object) -> None:
        self.raw.append((result_id, key, value))
        self.results.append(json.loads(value))

    def refuse(self, letter_id: str, key: bytes | None, value: bytes, _: object) -> None:
        self.raw.append((letter_id, key, value))
        self.dead.append(json.loads(value))


def linear() -> base.Estimator:
    model: base.Estimator = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    return model


def declare(models: Any = linear, event: type[Event] = Reading, **options: Any) -> Pipeline:
    return Pipeline("t", source=Topic("t.events", event), target="y", models=models, **options)


def events(n: int, seed: int = 1) -> list[dict[str, Any]]:
    chance = random.Random(seed)
    rows = [{"id": f"e{i}", "a": chance.gauss(0, 1), "b": chance.random()} for i in range(n)]
    return [{**row, "y": row["a"] + row["b"] > 0.5} for row in rows]


def log(values: Iterable[Any]) -> list[Kept]:
    encoded = (v if v is None or isinstance(v, bytes) else json.dumps(v).encode() for v in values)
    return [Kept(offset, value) for offset, value in enumerate(encoded)]


def run(pipeline: Pipeline, records: Sequence[Kept], chunk: int = 7) -> tuple[Fold, Out, list[Counts]]:
    fold, out = Fold(pipeline, "t.events", 3), Out()
    counts = [
        fold.step_chunk(records[i : i + chunk], out.emit, out.refuse) for i in range(0, len(records), chunk)
    ]
    return fold, out, counts
