"""How the answers of several models become one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import ClassVar, Literal, Protocol, TypeAlias

from headrace.models.labels import label_of, text_of
from schemas.results import Answer

Says: TypeAlias = Literal["label", "number", "score", "cluster"]
"""What an answer consists of: a classifier's label or a detector's verdict, a regressor's number ..."""


class Combine(Protocol):
    """Turns the answers of several models into one; members that failed are not among them.

    Must be pure: the same answers always give the same one. A class may name in ``reads`` which of `Says` it
    makes use of; a pipeline whose models say none of it is then refused.
    """

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the final answer; *answers* are in the order in which the models run."""
        ...


class First:
    """The answer of the first model to run that has one."""

    reads: ClassVar[frozenset[Says]] = frozenset({"label", "number", "score", "cluster"})

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the first answer that says anything."""
        for name, answer in answers.items():
            if answer.prediction is not None or answer.score is not None:
                return Answer(answer.prediction, answer.probability, answer.score, by=name)
        return Answer()

    def __repr__(self) -> str:
        return "First()"


class Last(First):
    """The answer of the last model to run that has one: the dear one of a cascade, if it was asked."""

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the last answer that says anything."""
        return super().__call__({name: answers[name] for name in reversed([*answers])})

    def __repr__(self) -> str:
        return "Last()"


class Vote:
    """Vote of classifiers, or of anomaly detectors with a threshold; ties go to the label seen first.

    Parameters
    ----------
    mode
        ``"hard"`` counts each model's label; ``"soft"`` takes the mean of their probabilities, where a model
        without probabilities counts as certain of its label.

    """

    reads: ClassVar[frozenset[Says]] = frozenset({"label"})

    def __init__(self, mode: Literal["hard", "soft"] = "soft") -> None:
        if mode not in ("hard", "soft"):
            raise ValueError(f"mode: expected 'hard' or 'soft', got {mode!r}")
        self.mode = mode

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the winning label with each label's share; one that no model put first can win."""
        voters = [a for a in answers.values() if a.prediction is not None]
        if not voters:
            return Answer()
        shares: dict[str, float] = {}
        for voter in voters:
            soft = voter.probability if self.mode == "soft" else None
            for label, share in (soft or {text_of(voter.prediction): 1.0}).items():
                shares[label] = shares.get(label, 0.0) + share / len(voters)
        winner = max(shares, key=shares.__getitem__)
        labels = [voter.prediction for voter in voters]
        chosen = next((label for label in labels if text_of(label) == winner), None)
        return Answer(label_of(winner, labels) if chosen is None else chosen, shares)

    def __repr__(self) -> str:
        return f"Vote({self.mode!r})"


class Mean:
    """Mean of the predictions of regressors, or of the scores of anomaly detectors."""

    reads: ClassVar[frozenset[Says]] = frozenset({"number", "score"})

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the arithmetic mean over the models that answered."""
        numbers = [a.prediction for a in answers.values() if isinstance(a.prediction, float)]
        scores = [a.score for a in answers.values() if a.score is not None]
        return Answer(_mean(numbers), score=_mean(scores))

    def __repr__(self) -> str:
        return "Mean()"


def _mean(values: Sequence[float]) -> float | None:
    if not values:
        return None
    mean = sum(values) / len(values)
    if isfinite(mean):
        return mean
    # The sum of huge numbers is beyond a float, their mean is not.
    return min(max(sum(value / len(values) for value in values), min(values)), max(values))
