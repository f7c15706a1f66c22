"""Models that events ruin, and how they are made."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from river import base, linear_model, preprocessing, tree

from headrace.healing.lessons import Making
from headrace.models.verbs import binding_of
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed

ALLOWED = Allowed(["tests.unit.headrace.healing.wards.Fragile"])

Event = tuple[dict[str, Any], Any]


class Fragile(base.Classifier):
    """Counts labels; a feature ``bite`` raises in the middle of learning, ``venom`` ruins what it says."""

    def __init__(self) -> None:
        self.n = {False: 1, True: 1}
        self.is_ruined = False

    def predict_proba_one(self, x: Any, **_: Any) -> Any:
        if x.get("mute"):
            raise KeyError("mute")
        n = sum(self.n.values())
        return {label: float("nan") if self.is_ruined else k / n for label, k in self.n.items()}

    def learn_one(self, x: Any, y: Any) -> None:
        self.n[y] += 1
        if x.get("bite"):
            raise ValueError("bitten")
        self.is_ruined = self.is_ruined or bool(x.get("venom"))


def regression() -> base.Estimator:
    model: base.Estimator = preprocessing.StandardScaler() | linear_model.LinearRegression()
    return model


def logistic() -> base.Estimator:
    return linear_model.LogisticRegression()


def hoeffding() -> base.Estimator:
    return tree.HoeffdingTreeClassifier(grace_period=20)


def making_of(build: Callable[[], Any], max_weight: float = 1e9) -> Making:
    task: Any = "regression" if build is regression else "classification"
    bind = binding_of(build(), task)
    return Making(build, lambda blob: pickling.unpickled(blob, ALLOWED), bind, ALLOWED, max_weight)


def events(n: int, *, numbers: bool = False, seed: int = 3) -> list[Event]:
    chance = random.Random(seed)
    found = []
    for _ in range(n):
        x = {"a": chance.gauss(0, 1), "b": chance.random()}
        y = 2 * x["a"] - x["b"]
        found.append((x, y if numbers else y > 0))
    return found
