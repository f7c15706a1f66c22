"""The models that answer one event and learn from it: the fault of one does not harm the others."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from headrace.feedback.bandit import BanditModel
from headrace.feedback.weights import weighted
from headrace.keyed.entry import Members
from headrace.models import labels
from headrace.models.combine import Combine
from headrace.record import Counts
from headrace.witness import Witness
from schemas import Answer


class Team:
    """Asks and teaches the models that are selected.

    Parameters
    ----------
    combine
        How several answers become one.
    is_supervised
        Whether there is nothing to learn from an event without label.
    witness
        Notes what is taught with a weight or as a reward, if somebody looks.

    Attributes
    ----------
    step
        Number of events learned so far.
    """

    def __init__(self, combine: Combine, *, is_supervised: bool, witness: Witness | None = None) -> None:
        self.step = 0
        self._combine = combine
        self._is_supervised = is_supervised
        self._members: Members = []
        self._witness = witness

    def select(self, members: Members) -> None:
        """Let the next event be for *members*."""
        self._members = members
        self._answer, self._learn, _ = members[0][1]
        self.work = self._one if len(members) == 1 else self._several

    def learn(self, x: dict[Any, Any], y: Any, counts: Counts, weight: float = 1.0) -> None:
        """Teach an event that was answered before the label *y* was known, which counts *weight*."""
        if not self._is_supervised:
            return
        for name, verbs in self._members:
            try:
                if weight == 1.0:
                    verbs.learn(x, y)
                else:
                    self._noting(name, weighted(verbs.model, verbs.learn))(x, y, weight)
            except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
                reported(name, "learn", error, counts)
        self._learned_late(counts)

    def reward(self, x: dict[Any, Any], reward: float, answer: Answer, counts: Counts, weight: float) -> None:
        """Teach a bandit what the arm that *answer* chose for *x* has earned."""
        name, verbs = self._members[0]
        try:
            learn = verbs.model.learn  # type: ignore[attr-defined] # a bandit
            self._noting(name, learn)(x, reward, answer, weight)
        except Exception as error:  # noqa: BLE001 - as above
            reported(name, "learn", error, counts)
        self._learned_late(counts)

    def expected(self, x: dict[Any, Any], counts: Counts) -> dict[str, float] | None:
        """Return what each arm of the bandit is expected to earn, ``None`` if its models cannot say."""
        name, verbs = self._members[0]
        try:
            found: dict[str, float] = verbs.model.values(x)  # type: ignore[attr-defined] # a bandit
        except Exception as error:  # noqa: BLE001 - as above
            reported(name, "predict", error, counts)
            return None
        return found

    @property
    def bandit(self) -> BanditModel | None:
        """The bandit, where one chooses."""
        model = self._members[0][1].model
        return model if isinstance(model, BanditModel) else None

    def _noting(self, name: str, learn: Callable[..., None]) -> Callable[..., None]:
        return learn if self._witness is None else self._witness.noting(name, learn)

    def _learned_late(self, counts: Counts) -> None:
        self.step += 1
        counts.learned += 1
        counts.late += 1

    def _one(self, x: dict[Any, Any], y: Any, counts: Counts) -> tuple[Answer, None]:
        """Test, then learn; as `_several`, less what only several need."""
        try:
            answer = self._answer(x, y)
        except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
            answer = Answer(error=reported(self._members[0][0], "predict", error, counts))
        if y is not None or not self._is_supervised:
            try:
                self._learn(x, y)
            except Exception as error:  # noqa: BLE001 - as above
                answer.error = reported(self._members[0][0], "learn", error, counts)
            self.step += 1
            counts.learned += 1
        return answer, None

    def _several(self, x: dict[Any, Any], y: Any, counts: Counts) -> tuple[Answer, dict[str, Answer]]:
        """Test all, then let all learn."""
        answers: dict[str, Answer] = {}
        for name, verbs in self._members:
            try:
                answers[name] = verbs.answer(x, y)
            except Exception as error:  # noqa: BLE001 - as above
                answers[name] = Answer(error=reported(name, "predict", error, counts))
        final = self._combined(answers, counts)
        if y is not None or not self._is_supervised:
            for name, verbs in self._members:
                try:
                    verbs.learn(x, y)
                except Exception as error:  # noqa: BLE001 - as above
                    answers[name].error = reported(name, "learn", error, counts)
            self.step += 1
            counts.learned += 1
        return final, answers

    def _combined(self, answers: dict[str, Answer], counts: Counts) -> Answer:
        """Return the answer of those that have one; `combine` may be a user's own, and be wrong."""
        try:
            final = self._combine({name: a for name, a in answers.items() if a.error is None})
            return _publishable(final)
        except Exception as error:  # noqa: BLE001 - as above
            return Answer(error=reported("combine", "predict", error, counts))


def reported(name: str, verb: str, error: Exception, counts: Counts) -> str:
    """Count the fault of model *name* and return what its answer says of it."""
    counts.failures[name, verb] = counts.failures.get((name, verb), 0) + 1
    return f"{verb}: {type(error).__name__}: {error}"[:500]


def _publishable(answer: Answer) -> Answer:
    """Return *answer* in Python's own types, which results can carry."""
    answer.prediction = labels.plain(answer.prediction)
    if answer.score is not None:
        answer.score = float(answer.score)
    if answer.probability is not None:
        answer.probability = {label: float(p) for label, p in answer.probability.items()}
    numbers = [answer.score, *(answer.probability or {}).values()]
    if not all(isfinite(n) for n in numbers if n is not None):
        raise ValueError(f"not a finite number among {numbers}")
    return answer
