"""How the answers of several models become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

from schemas.results import Answer


class Combine(Protocol):
    """Turns the answers of several models into one; members that failed are not among them."""

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the final answer; *answers* are in the order the models were declared."""
        ...


class First:
    """The answer of the first declared model that has one."""

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the first answer that says anything."""
        for answer in answers.values():
            if answer.prediction is not None or answer.score is not None:
                return Answer(answer.prediction, answer.probability, answer.score)
        return Answer()

    def __repr__(self) -> str:
        return "First()"


class Vote:
    """Majority vote of classifiers; ties go to the label seen first.

    Parameters
    ----------
    mode
        ``"hard"`` counts each model's label; ``"soft"`` takes the mean of their probabilities, where a model
        without probabilities counts as certain of its label.

    """

    def __init__(self, mode: Literal["hard", "soft"] = "soft") -> None:
        if mode not in ("hard", "soft"):
            raise ValueError(f"mode: expected 'hard' or 'soft', got {mode!r}")
        self.mode = mode

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the winning label with each label's share."""
        voters = [a for a in answers.values() if a.prediction is not None]
        if not voters:
            return Answer()
        labels: dict[str, object] = {}
        shares: dict[str, float] = {}
        for voter in voters:
            own = _text(voter.prediction)
            labels[own] = voter.prediction
            soft = voter.probability if self.mode == "soft" else None
            for label, share in (soft or {own: 1.0}).items():
                shares[label] = shares.get(label, 0.0) + share / len(voters)
        # Only labels that some model chose: their type is known.
        winner = max((label for label in shares if label in labels), key=shares.__getitem__)
        return Answer(labels[winner], shares)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"Vote({self.mode!r})"


class Mean:
    """Mean of the predictions of regressors, or of the scores of anomaly detectors."""

    def __call__(self, answers: Mapping[str, Answer]) -> Answer:
        """Return the arithmetic mean over the models that answered."""
        numbers = [a.prediction for a in answers.values() if isinstance(a.prediction, float)]
        scores = [a.score for a in answers.values() if a.score is not None]
        return Answer(
            sum(numbers) / len(numbers) if numbers else None,
            score=sum(scores) / len(scores) if scores else None,
        )

    def __repr__(self) -> str:
        return "Mean()"


def _text(label: object) -> str:
    return str(label).lower() if isinstance(label, bool) else str(label)
