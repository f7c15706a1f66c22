"""The general way of working on an event: step by step, each on what the steps before it have said."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from headrace.feedback.weights import weighted
from headrace.keyed.entry import Members
from headrace.models.verbs import Verbs
from headrace.record import Counts
from headrace.steps.plan import Node, Plan
from headrace.witness import Witness
from schemas import Answer

SKIPPED, FAILED, OK = "skipped", "failed", "ok"
"""Of a step on an event."""


class Stepwise:
    """Asks and teaches the models of a plan in its order.

    Parameters
    ----------
    plan
        The steps.
    supervised
        Names of those that learn from labels only.
    witness
        Notes what is taught with a weight, if somebody looks.

    Attributes
    ----------
    models
        Names and verbs of the models of the next event, in the order of the plan.
    """

    def __init__(self, plan: Plan, supervised: Collection[str], witness: Witness | None = None) -> None:
        self.models: Members = []
        self._nodes = plan.nodes
        self._members = plan.members
        self._supervised = supervised
        self._witness = witness

    def ask(self, x: dict[Any, Any], y: Any, counts: Counts) -> dict[str, Answer]:
        """Return what each step says of *x*, in the order in which they ran."""
        answers: dict[str, Answer] = {}
        for node, (name, verbs) in zip(self._nodes, self.models, strict=True):
            try:
                if node.holds is not None and not node.holds(x, answers):
                    answers[name] = Answer(status=SKIPPED, why=f"{node.condition} does not hold")
                    continue
                given = x if node.given is None else node.given(x, answers)
                if given is None:
                    answers[name] = Answer(status=SKIPPED, why="none of its inputs is there")
                    continue
                answers[name] = answer = verbs.answer(given, y)
                answer.status = OK
            except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
                answers[name] = Answer(status=FAILED, error=reported(name, "predict", error, counts))
        return answers

    def said(self, answers: dict[str, Answer]) -> dict[str, Answer]:
        """Return the answers that are combined."""
        return {name: found for name in self._members if (found := answers[name]).status == OK}

    def teach(
        self, x: dict[Any, Any], y: Any, answers: dict[str, Answer], counts: Counts, weight: float = 1.0
    ) -> None:
        """Let each step that worked on *x* learn that *y* is right, on the inputs that it had then.

        Without a label, those learn that need none.
        """
        for node, (name, verbs) in zip(self._nodes, self.models, strict=True):
            if y is None and name in self._supervised:
                continue
            self._learn(node, verbs, (x, y, weight), answers, counts)

    def teach_late(
        self, x: dict[Any, Any], y: Any, answers: dict[str, Answer], counts: Counts, weight: float = 1.0
    ) -> None:
        """Teach a label that came later: those that need none have learned the event when it came."""
        for node, (name, verbs) in zip(self._nodes, self.models, strict=True):
            if name in self._supervised:
                self._learn(node, verbs, (x, y, weight), answers, counts)

    def _learn(
        self,
        node: Node,
        verbs: Verbs,
        lesson: tuple[dict[Any, Any], Any, float],
        answers: dict[str, Answer],
        counts: Counts,
    ) -> None:
        (x, y, weight), name = lesson, node.name
        answer = answers[name]
        if answer.status == SKIPPED:
            return
        try:
            given = x if node.given is None else node.given(x, answers)
            if given is None:
                return
            if weight == 1.0:
                verbs.learn(given, y)
            else:
                learn = weighted(verbs.model, verbs.learn)
                noted = learn if self._witness is None else self._witness.noting(name, learn)
                noted(given, y, weight)
        except Exception as error:  # noqa: BLE001 - as above
            answer.error = reported(name, "learn", error, counts)


def reported(name: str, verb: str, error: Exception, counts: Counts) -> str:
    """Count the fault of model *name* and return what its answer says of it."""
    counts.failures[name, verb] = counts.failures.get((name, verb), 0) + 1
    return f"{verb}: {type(error).__name__}: {error}"[:500]
