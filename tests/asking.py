"""Asks and teaches a model as the fold does, on a small stream."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from river import (
    base,
)

from headrace.models.verbs import task_of, verbs_of
from schemas import Answer

Factory = Callable[[], base.Estimator]


def stream(n: int = 60) -> list[tuple[dict[Any, Any], float]]:
    chance = random.Random(3)
    return [({"a": chance.random(), "b": chance.gauss(0, 2)}, chance.random()) for _ in range(n)]


def answers(factory: Factory, label: Callable[[float], Any] = float, n: int = 60) -> list[Answer]:
    """Ask, then teach, one fresh model."""
    model = factory()
    task = task_of(model)
    assert task is not None
    verbs = verbs_of(model, task)
    found = []
    for x, y in stream(n):
        found.append(verbs.answer(x, label(y)))
        verbs.learn(x, label(y))
    return found


def is_high(y: float) -> bool:
    return y > 0.5


def third(y: float) -> str:
    return "low" if y < 0.3 else "middle" if y < 0.6 else "high"
