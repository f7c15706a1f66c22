"""What two runs have in common and where they differ, counted one event after the other."""

from __future__ import annotations

from math import log
from typing import Any

import msgspec

from agents.travel.results import Result
from headrace.models.labels import text_of
from headrace.models.verbs import Task
from schemas import Prediction

_P_MIN = 1e-15
"""A probability counts as at least so much in the log loss, which one of 0 would make infinite."""


class Mean(msgspec.Struct):
    """A mean that is added up."""

    total: float = 0.0
    n: int = 0

    def add(self, value: float) -> None:
        """Take in one more."""
        self.total += value
        self.n += 1

    def __add__(self, other: Mean) -> Mean:
        return Mean(self.total + other.total, self.n + other.n)

    @property
    def value(self) -> float | None:
        """The mean, ``None`` of nothing."""
        return self.total / self.n if self.n else None


class Score(msgspec.Struct):
    """How good the answers of one run are, where the event has a label."""

    accuracy: Mean = msgspec.field(default_factory=Mean)
    log_loss: Mean = msgspec.field(default_factory=Mean)
    absolute_error: Mean = msgspec.field(default_factory=Mean)

    def add(self, said: Prediction, label: Any, task: Task) -> None:
        """Take in what a run said of an event with *label*."""
        if said.prediction is None:
            return
        if task == "regression":
            self.absolute_error.add(abs(float(said.prediction) - float(label)))
            return
        self.accuracy.add(1.0 if said.prediction == label else 0.0)
        if said.probability is not None:
            self.log_loss.add(-log(max(_P_MIN, said.probability.get(text_of(label), 0.0))))

    def __add__(self, other: Score) -> Score:
        return Score(
            self.accuracy + other.accuracy,
            self.log_loss + other.log_loss,
            self.absolute_error + other.absolute_error,
        )


class Differences(msgspec.Struct):
    """How far apart the answers are, on average."""

    probability: Mean = msgspec.field(default_factory=Mean)
    prediction: Mean = msgspec.field(default_factory=Mean)
    score: Mean = msgspec.field(default_factory=Mean)

    def add(self, a: Prediction, b: Prediction) -> None:
        """Take in two answers to one event."""
        if a.probability is not None and b.probability is not None:
            self.probability.add(_distance(a.probability, b.probability))
        if isinstance(a.prediction, float) and isinstance(b.prediction, float):
            self.prediction.add(abs(a.prediction - b.prediction))
        if a.score is not None and b.score is not None:
            self.score.add(abs(a.score - b.score))

    def __add__(self, other: Differences) -> Differences:
        return Differences(
            self.probability + other.probability,
            self.prediction + other.prediction,
            self.score + other.score,
        )


class Tally(msgspec.Struct):
    """The comparison of runs A and B on one partition, by the offsets of the events.

    ``missing_a`` counts B's results that A lacks although it has some before and after them; ``outside_a``
    those of B where A has not begun yet, or has ended. ``first_difference`` is the first offset whose results
    differ in any byte but the names of run and pipeline, ``first_other_prediction`` the first with another
    answer.
    """

    partition: int
    both: int = 0
    equal: int = 0
    equal_predictions: int = 0
    missing_a: int = 0
    missing_b: int = 0
    outside_a: int = 0
    outside_b: int = 0
    repeated_a: int = 0
    repeated_b: int = 0
    first_difference: int | None = None
    first_other_prediction: int | None = None
    first_missing: int | None = None
    differences: Differences = msgspec.field(default_factory=Differences)
    score_a: Score = msgspec.field(default_factory=Score)
    score_b: Score = msgspec.field(default_factory=Score)
    labelled: int = 0

    def add(self, a: Result, b: Result) -> None:
        """Take in what both said of one event."""
        self.both += 1
        if a.compared == b.compared:
            self.equal += 1
        elif self.first_difference is None:
            self.first_difference = a.offset
        same = type(a.said.prediction) is type(b.said.prediction) and a.said.prediction == b.said.prediction
        if same:
            self.equal_predictions += 1
        elif self.first_other_prediction is None:
            self.first_other_prediction = a.offset
        self.differences.add(a.said, b.said)

    def judge(self, a: Result, b: Result, label: Any, task: Task) -> None:
        """Take in how good both answers to an event with *label* are."""
        self.labelled += 1
        self.score_a.add(a.said, label, task)
        self.score_b.add(b.said, label, task)

    @property
    def differs(self) -> bool:
        """Whether the runs differ where both were, or only one of them was here at all."""
        n_alone = self.missing_a + self.missing_b
        is_one_sided = self.both == 0 and self.outside_a + self.outside_b > 0
        return self.equal < self.both or n_alone > 0 or is_one_sided


def _distance(a: dict[str, float], b: dict[str, float]) -> float:
    if a == b:
        return 0.0
    labels = a.keys() | b.keys()
    return sum(abs(a.get(label, 0.0) - b.get(label, 0.0)) for label in labels) / max(1, len(labels))
