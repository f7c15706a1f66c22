"""A model ready to be asked and taught, and how its error reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from river import base

from headrace.drift.errors import label_error, number_error
from headrace.models.straight import straight
from headrace.models.verbs import decides_itself, gives_probabilities, task_of

Kind: TypeAlias = Literal["probabilities", "decided", "label", "number"]
"""What tells whether an answer is right: the highest probability, the label, or how far a number is off."""


def kind_of(sample: base.Estimator) -> Kind | None:
    """Return what tells whether an answer of *sample*, which is fresh, is right; ``None`` if nothing does."""
    task = task_of(sample)
    if task == "regression":
        return "number"
    if task != "classification":
        return None
    if not gives_probabilities(sample):
        return "label"
    return "decided" if decides_itself(sample) else "probabilities"


class Learner:
    """A model with its verbs bound straight; a pickle holds the model only.

    Attributes
    ----------
    label, probabilities
        Answer for an event: the label or number, and the probabilities of a classifier.
    judged
        The one of the two that is compared with the truth.
    wrong
        Returns the error of an answer, given the truth.
    learn
        Learns from an event and its label.
    """

    __slots__ = ("judged", "kind", "label", "learn", "model", "probabilities", "wrong")

    label: Callable[[Any], Any]
    probabilities: Callable[[Any], Any]
    judged: Callable[[Any], Any]
    wrong: Callable[[Any, Any], float | None]
    learn: Callable[[Any, Any], None]

    def __init__(self, model: base.Estimator, kind: Kind) -> None:
        self.model = model
        self.kind: Kind = kind
        bound = straight(model)
        self.label, self.learn = bound.predict_one, bound.learn_one
        self.probabilities = self.label if kind in ("label", "number") else bound.predict_proba_one
        self.judged = self.probabilities if kind == "probabilities" else self.label
        self.wrong = number_error if kind == "number" else label_error

    def __reduce__(self) -> tuple[object, ...]:
        return Learner, (self.model, self.kind)

    def error(self, x: Any, y: Any) -> float | None:
        """Return how wrong the model is, asked now; ``None`` if it does not say."""
        try:
            return self.wrong(self.judged(x), y)
        except Exception:  # noqa: BLE001 - whoever asks the model for an answer is told; here it has none
            return None
