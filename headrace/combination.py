"""How the answers of a team become one: by a function, or by what was learned with its models."""

from __future__ import annotations

from typing import Any

from river import base

from headrace.keyed.entry import Members
from headrace.models.combine import Combine
from headrace.models.combining.checks import Combination as Declared
from headrace.models.combining.combiner import COMBINE, Combiner
from headrace.models.verbs import unasked
from headrace.record import Counts
from headrace.stepwise import reported
from schemas import Answer
from schemas.metrics import Contribution


class Combination:
    """Combines answers, and learns how to where that can be learned.

    Parameters
    ----------
    declared
        The pipeline's.

    Attributes
    ----------
    learns
        Whether it does.
    """

    def __init__(self, declared: Declared) -> None:
        self._combine: Combine | None = None if hasattr(declared, "fresh") else declared
        self._combiner: Combiner | None = None
        self.learns = self._combine is None

    def take(self, members: Members) -> Members:
        """Return the models among *members*; what was learned with them is used from now on."""
        if members[-1][0] != COMBINE:
            return members
        *models, (_, verbs) = members
        self._combiner = verbs.model  # type: ignore[assignment] # a combiner
        return models

    def answer(self, answers: dict[str, Answer], x: dict[Any, Any]) -> Answer:
        """Return what *answers* to *x* come to."""
        if self._combiner is not None:
            return self._combiner.answer(answers, x)
        return Answer() if self._combine is None else self._combine(answers)

    def learn(self, answers: dict[str, Answer], x: dict[Any, Any], y: Any, counts: Counts) -> str | None:
        """Learn from an event just answered; return why not, if that failed."""
        combiner = self._combiner
        if combiner is None or (y is None and combiner.needs_label):
            return None
        return _taught(combiner, answers, x, y, counts)

    def learn_late(self, answers: dict[str, Answer], x: dict[Any, Any], y: Any, counts: Counts) -> None:
        """Learn from a label that came later, with the *answers* of then."""
        combiner = self._combiner
        if combiner is not None and combiner.needs_label:
            _taught(combiner, answers, x, y, counts)

    def contributions(self) -> dict[str, Contribution] | None:
        """Return what each model has to say in the answers, ``None`` where that is not learned."""
        if self._combiner is None:
            return None
        weights = self._combiner.weights()
        return {
            name: Contribution(share, weights.get(name)) for name, share in self._combiner.shares().items()
        }


def beside(members: Members, combiner: base.Estimator | None) -> Members:
    """Return *members* and, last, the *combiner* if there is one."""
    return members if combiner is None else [*members, (COMBINE, unasked(combiner))]


def _taught(
    combiner: Combiner, answers: dict[str, Answer], x: dict[Any, Any], y: Any, counts: Counts
) -> str | None:
    try:
        combiner.learn(answers, x, y)
    except Exception as error:  # noqa: BLE001 - a model on top may be a user's own, and fail as any other
        return reported(COMBINE, "learn", error, counts)
    return None
