"""Worlds that change, and guarded models that live in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from river import base, linear_model, naive_bayes, preprocessing, tree

from headrace.drift import Drift, Guard, guarded_factories
from headrace.models.verbs import binding_of, task_of

Event = tuple[dict[Any, Any], Any]


def logistic() -> base.Estimator:
    model: base.Estimator = preprocessing.StandardScaler() | linear_model.LogisticRegression()
    return model


def bayes() -> base.Estimator:
    return naive_bayes.GaussianNB()  # type: ignore[no-untyped-call]


def hoeffding() -> base.Estimator:
    return tree.HoeffdingTreeClassifier(grace_period=50)


def passive_aggressive() -> base.Estimator:
    return linear_model.PAClassifier()  # gives no probabilities


def regression() -> base.Estimator:
    model: base.Estimator = preprocessing.StandardScaler() | linear_model.LinearRegression()
    return model


def flipping(n: int, flip: int, seed: int = 1) -> Iterator[Event]:
    """Yield events whose label turns round at *flip*."""
    chance = random.Random(seed)
    for i in range(n):
        x = {"a": chance.gauss(0, 1), "b": chance.gauss(0, 1)}
        yield x, (x["a"] + x["b"] > 0) != (i >= flip)


def numbers(n: int, flip: int, seed: int = 1, size: float = 1.0) -> Iterator[Event]:
    """Yield events whose number, about *size*, depends the other way on them from *flip* on."""
    chance = random.Random(seed)
    for i in range(n):
        x = {"a": chance.gauss(0, 1), "b": chance.gauss(0, 1)}
        slope = -3.0 if i >= flip else 3.0
        yield x, size * (slope * x["a"] + x["b"] + chance.gauss(0, 0.1))


def guarded(build: Callable[[], base.Estimator], declared: Drift) -> Callable[[], Any]:
    return guarded_factories({"m": build}, {"m": build()}, declared)["m"]


class Lived(NamedTuple):
    """What a model answered, and the alarms by the number of the event that raised them."""

    said: list[Any]
    alarms: list[tuple[int, Any]]


def live(model: Any, events: Iterator[Event] | list[Event], start: int = 0) -> Lived:
    """Ask and teach *model* as the fold does."""
    task = task_of(model)
    assert task is not None
    verbs = binding_of(model, task)(model)
    lived = Lived([], [])
    for i, (x, y) in enumerate(events, start):
        lived.said.append(verbs.answer(x, y))
        verbs.learn(x, y)
        if isinstance(model, Guard) and model.alarms:
            lived.alarms.extend((i, raised) for raised in model.take_alarms())
    return lived
