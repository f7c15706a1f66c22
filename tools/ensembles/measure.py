"""Members are asked and taught once; every combination gets the answers they gave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from river import base, compose, linear_model, multiclass, preprocessing

from headrace.models.combine import Vote
from headrace.models.combining.best import Best
from headrace.models.combining.stack import Stack
from headrace.models.combining.weighted import Weighted
from headrace.models.verbs import verbs_of
from schemas import Answer
from tools.ensembles.streams import Event


class Recorded(NamedTuple):
    """What the members said of an event before they learned it."""

    x: dict[Any, Any]
    y: Any
    said: dict[str, Answer]


class Result(NamedTuple):
    """Accuracies: of each member, of each combination; the last weights of the default one."""

    n: int
    members: dict[str, float]
    combined: dict[str, float]
    weights: dict[str, float]

    @property
    def best(self) -> float:
        """Accuracy of the best member in hindsight."""
        return max(self.members.values())

    @property
    def mean(self) -> float:
        """Mean accuracy of the members."""
        return sum(self.members.values()) / len(self.members)


def _softmax() -> base.Estimator:
    model: base.Estimator = compose.Pipeline(
        preprocessing.StandardScaler(), multiclass.OneVsRestClassifier(linear_model.LogisticRegression())
    )
    return model


LEARNING: dict[str, Callable[[], Any]] = {
    "hedge": lambda: Weighted("hedge"),
    "hedge, memory 500": lambda: Weighted("hedge", memory=500),
    "ewa": lambda: Weighted("ewa"),
    "ewa, memory 500": lambda: Weighted("ewa", memory=500),
    "decay": lambda: Weighted("decay"),
    "best": Best,
    "stack": lambda: Stack(_softmax),
}
DEFAULT = "hedge"


def recorded(models: Mapping[str, base.Estimator], events: Iterable[Event]) -> list[Recorded]:
    """Ask, then teach *models* each of *events*."""
    bound = {name: verbs_of(model, "classification") for name, model in models.items()}
    found = []
    for x, y in events:
        found.append(Recorded(x, y, {name: verbs.answer(x, None) for name, verbs in bound.items()}))
        for verbs in bound.values():
            verbs.learn(x, y)
    return found


def measured(events: list[Recorded], learning: Mapping[str, Callable[[], Any]] = LEARNING) -> Result:
    """Return how often each member and each combination of *events* was right."""
    names, n = list(events[0].said), len(events)
    right = {name: sum(e.said[name].prediction == e.y for e in events) / n for name in names}
    vote = Vote("soft")
    combined = {"soft vote": sum(vote(e.said).prediction == e.y for e in events) / n}
    weights: dict[str, float] = {}
    for name, declare in learning.items():
        combiner = declare().fresh(names, "classification")
        hits = 0
        for x, y, said in events:
            hits += combiner.answer(said, x).prediction == y
            combiner.learn(said, x, y)
        combined[name] = hits / n
        if name == DEFAULT:
            weights = combiner.weights()
    return Result(n, right, combined, weights)
