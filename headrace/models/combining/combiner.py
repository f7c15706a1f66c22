"""What all combinations that learn have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from river import base

from headrace.errors import DeclarationError
from headrace.models.combine import Says
from headrace.models.combine_options import short_of
from headrace.models.verbs import Task
from schemas.results import Answer

COMBINE = "combine"
"""Name, among the models, of what is learned of how they combine."""

_SHARES_OVER = 1_000
"""Answers; shares are means over about so many."""


class Learning(Protocol):
    """Declares a combination that learns: it makes a fresh one for each set of models."""

    reads: ClassVar[frozenset[Says]]

    def fresh(self, names: Sequence[str], task: Task) -> Combiner:
        """Return one that has learned nothing, for members of these *names*, which are for *task*.

        Raises
        ------
        DeclarationError
            If such members cannot be combined so.
        """
        ...


class Combiner(base.Estimator):
    """What was learned of how much each member is worth; part of the models' state.

    One that ``needs_label`` learns from an event once its label is known; any other when the event comes.

    Parameters
    ----------
    names
        Of the members, in the order they were declared.
    quorum
        How many of them have to answer.

    """

    needs_label: ClassVar[bool] = True

    def __init__(self, names: Sequence[str], quorum: int | None) -> None:
        self.names = tuple(names)
        self.quorum = quorum
        self.n_answers = 0
        self._shares = dict.fromkeys(self.names, 0.0)

    def answer(self, answers: Mapping[str, Answer], x: Mapping[Any, Any]) -> Answer:
        """Return the final answer.

        Parameters
        ----------
        answers
            Those of the members, in order; one that failed or was skipped is not among them.
        x
            Features of the event.

        """
        said = self.said(answers)
        short = short_of(self.quorum, said)
        if short is not None or not said:
            return short or Answer()
        final, parts = self.combined(said, x)
        self.n_answers += 1
        n = min(self.n_answers, _SHARES_OVER)
        for name, share in self._shares.items():
            self._shares[name] = share + (parts.get(name, 0.0) - share) / n
        return final

    def learn(self, answers: Mapping[str, Answer], x: Mapping[Any, Any], y: Any) -> None:
        """Learn what the members said of an event, *answers* as they were then, now that *y* is known.

        Where the models learn without labels, *y* may be ``None``.
        """
        said = self.said(answers)
        if said:
            self.learned(said, x, y)

    def weights(self) -> dict[str, float]:
        """Return what each member is worth now, 1 in all; empty where that is no number."""
        raise NotImplementedError

    def shares(self) -> dict[str, float]:
        """Return which part of the latest answers was each member's, 1 in all; 0 before the first."""
        return dict(self._shares)

    def said(self, answers: Mapping[str, Answer]) -> dict[str, Answer]:
        """Return those of *answers* that say what can be combined."""
        return {name: a for name, a in answers.items() if a.prediction is not None and name in self._shares}

    def combined(
        self, said: Mapping[str, Answer], x: Mapping[Any, Any]
    ) -> tuple[Answer, Mapping[str, float]]:
        """Return the answer that what was *said*, at least once, makes, and each member's part of it."""
        raise NotImplementedError

    def learned(self, said: Mapping[str, Answer], x: Mapping[Any, Any], y: Any) -> None:
        """Learn from what was *said*, at least once."""
        raise NotImplementedError


def require_labels(declared: object, task: Task) -> None:
    """Refuse a combination that measures what members say by labels, if they say none."""
    if task in ("classification", "regression"):
        return
    kind = type(declared).__name__
    raise DeclarationError(
        "combine",
        f"{kind} combines what classifiers or regressors say, and the models are for {task}",
        why="it learns from labels how good each answer was",
        fix="combine=headrace.Ranks(), or the scores as inputs of a classifier"
        if task == "anomaly"
        else "leave it out",
    )


def checked_memory(memory: object) -> int | None:
    """Return *memory* if it is a number of events, or ``None``."""
    if memory is None or (isinstance(memory, int) and not isinstance(memory, bool) and memory >= 2):
        return memory
    raise DeclarationError(
        "combine.memory",
        f"expected over how many events losses count, 2 or more, got {memory!r}",
        fix="memory=1_000",
    )
