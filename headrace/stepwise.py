"""The general way of working on an event: step by step, each on what the steps before it have said."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Set
from functools import partial
from typing import Any, TypeAlias

from headrace.feedback.weights import weighted
from headrace.healing.lessons import Lesson
from headrace.healing.stand_ins import STAND_IN
from headrace.healing.ward import Fault, Given, Ward
from headrace.keyed.entry import Members
from headrace.models.verbs import Verbs
from headrace.orders import Orders
from headrace.record import Counts
from headrace.steps.plan import Node, Plan
from headrace.witness import Witness
from schemas import Answer

Givens: TypeAlias = list[dict[Any, Any] | None]
"""What the model of each step was given, in the order of the plan; ``None`` where it was not asked."""

SKIPPED, FAILED, OK = "skipped", "failed", "ok"
"""Of a step on an event."""

NOT_CHOSEN = "not chosen for this event"
"""Why a step did not work, where a router decides."""

_SAID = (OK, STAND_IN)
_NOBODY: Set[str] = frozenset()
DISABLED = "an operator has disabled it"


class Stepwise:
    """Asks and teaches the models of a plan in its order.

    Parameters
    ----------
    plan
        The steps.
    supervised
        Names of those that learn from labels only.
    orders
        What operators have said: who is left out.
    witness
        Notes what is taught with a weight, if somebody looks.

    Attributes
    ----------
    models
        Names and verbs of the models of the next event, in the order of the plan; then those that learn
        beside one.
    idle
        Names of those that do not work on it.
    asked
        Features of each step outside the process that an event waits for: of none, see `headrace.staged`.
    """

    def __init__(
        self, plan: Plan, supervised: Collection[str], orders: Orders, witness: Witness | None = None
    ) -> None:
        self.asked: dict[str, dict[Any, Any]] = {}
        self._models: Members = []
        self._asks: list[Callable[[dict[Any, Any], Any], Answer]] = []
        self._learns: list[tuple[str, Callable[[dict[Any, Any], Any], None]]] = []
        self._by_name: dict[str, Verbs] = {}
        self._nodes = plan.nodes
        self._members = plan.members
        self.idle: Collection[str] = ()
        self._supervised = supervised
        self._orders = orders
        self._witness = witness
        self.wards = {}

    @property
    def wards(self) -> Mapping[str, Ward]:
        """Those who ask and teach models under watch, by name of the step."""
        return self._wards

    @wards.setter
    def wards(self, wards: Mapping[str, Ward]) -> None:
        self._wards = wards
        self._lines = [
            (node.name, None if node.holds is None else node, node.given, wards.get(node.name))
            for node in self._nodes
        ]

    @property
    def models(self) -> Members:
        """The models of the next event."""
        return self._models

    @models.setter
    def models(self, members: Members) -> None:
        self._models = members
        self._asks = [verbs.answer for _, verbs in members]
        self._learns = [(name, verbs.learn) for name, verbs in members]
        if self.wards:
            self._by_name = dict(members)

    def ask(
        self, x: dict[Any, Any], y: Any, counts: Counts, done: dict[str, Answer] | None = None
    ) -> tuple[dict[str, Answer], Givens]:
        """Return what each step says of *x*, in the order in which they ran, and what its model was given.

        The answers are added to those of the steps that are *done*.
        """
        answers = {} if done is None else done
        givens: Givens = []
        out = self._orders.disabled or self.idle
        for (name, conditional, gather, ward), answer in zip(self._lines, self._asks, strict=False):
            given: dict[Any, Any] | None = None
            if out and (why := self._why_out(name)) is not None:
                answers[name] = Answer(status=SKIPPED, why=why)
            elif conditional is not None and (skipped := barred(conditional, x, answers, counts)) is not None:
                answers[name] = skipped
            elif (given := x if gather is None else gather(x, answers)) is None:
                answers[name] = Answer(status=SKIPPED, why="none of its inputs is there")
            elif ward is not None:
                answers[name] = ward.ask(Given(given, y, self._by_name, answers), _telling(counts))
            else:
                try:
                    answers[name] = said = answer(given, y)
                    said.status = OK
                except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
                    answers[name] = Answer(status=FAILED, error=reported(name, "predict", error, counts))
            givens.append(given)
        return answers, givens

    def _why_out(self, name: str) -> str | None:
        """Return why a step is left out on this event, if it is."""
        if name in self._orders.disabled:
            return DISABLED
        return NOT_CHOSEN if name in self.idle else None

    def said(self, answers: dict[str, Answer]) -> dict[str, Answer]:
        """Return the answers that are combined."""
        said = {}
        for name in self._members:
            if (found := answers[name]).status in _SAID:
                said[name] = found
        return said

    def givens(self, x: dict[Any, Any], answers: dict[str, Answer]) -> Givens:
        """Return what the model of each step was given when *answers* were."""
        asked = (node for node in self._nodes if answers[node.name].status != SKIPPED)
        found = {node.name: x if node.given is None else node.given(x, answers) for node in asked}
        return [found.get(node.name) for node in self._nodes]

    def teach(self, givens: Givens, y: Any, answers: dict[str, Answer], counts: Counts) -> None:
        """Let each step that worked learn that *y* is right; without a label, those that need none."""
        wards, orders, out = self._wards, self._orders, _NOBODY
        if orders.frozen or orders.disabled:
            out = orders.untaught
        if y is None:
            out = out | {*self._supervised}
        for (name, learn), given in zip(self._learns, givens, strict=False):
            if given is None or (out and name in out):
                continue
            if wards and name in wards:
                fault = self._taught(name, Given(given, y, self._by_name, answers), 1.0, counts)
                answers[name].error = answers[name].error or fault
                continue
            try:
                learn(given, y)
            except Exception as error:  # noqa: BLE001 - as above
                answers[name].error = reported(name, "learn", error, counts)

    def teach_late(
        self, x: dict[Any, Any], y: Any, answers: dict[str, Answer], counts: Counts, weight: float = 1.0
    ) -> None:
        """Teach a label that came later, on the inputs of then; who needs none has learned the event already.

        *answers* are those that were given, and *weight* says how much the label counts.
        """
        untaught = self._orders.untaught
        for node, (name, verbs) in zip(self._nodes, self.models, strict=False):
            if name not in self._supervised or name in untaught or answers[name].status == SKIPPED:
                continue
            given = x if node.given is None else node.given(x, answers)
            if given is None:
                continue
            if name in self.wards:
                self._taught(name, Given(given, y, self._by_name, answers), weight, counts)
                continue
            try:
                self._weighing(name, verbs, weight)(given, y)
            except Exception as error:  # noqa: BLE001 - as above
                reported(name, "learn", error, counts)

    def _taught(self, name: str, event: Given, weight: float, counts: Counts) -> str | None:
        """Teach a model under watch; return its fault."""

        def teach(name: str, verbs: Verbs, lesson: Lesson) -> None:
            self._weighing(name, verbs, lesson.weight)(lesson.x, lesson.y)

        return self.wards[name].teach(event, weight, teach, _telling(counts))

    def _weighing(self, name: str, verbs: Verbs, weight: float) -> Callable[[dict[Any, Any], Any], None]:
        """Return how a model learns something that counts *weight*."""
        if weight == 1.0:
            return verbs.learn
        learn = weighted(verbs.model, verbs.learn)
        noted = learn if self._witness is None else self._witness.noting(name, learn)
        return lambda given, y: noted(given, y, weight)


def _telling(counts: Counts) -> Fault:
    return partial(reported, counts=counts)


def barred(node: Node, x: dict[Any, Any], answers: dict[str, Answer], counts: Counts) -> Answer | None:
    """Return that a step's condition does not hold, or raised; ``None`` if it holds."""
    try:
        if node.holds is None or node.holds(x, answers):
            return None
    except Exception as error:  # noqa: BLE001 - a user's own function
        return Answer(status=SKIPPED, error=reported(node.name, "predict", error, counts))
    return Answer(status=SKIPPED, why=f"{node.condition} does not hold")


def reported(name: str, verb: str, error: Exception, counts: Counts) -> str:
    """Count the fault of model *name* and return what its answer says of it."""
    counts.failures[name, verb] = counts.failures.get((name, verb), 0) + 1
    return f"{verb}: {type(error).__name__}: {error}"[:500]
