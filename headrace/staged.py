"""Working on an event in stages: between two of them it waits for steps outside the process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from headrace.healing.ward import Ward
from headrace.keyed.entry import Members
from headrace.orders import Orders
from headrace.record import Counts
from headrace.steps.plan import Node, Plan
from headrace.stepwise import DISABLED, NOT_CHOSEN, SKIPPED, Givens, Stepwise, barred
from schemas import Answer


class Stage(NamedTuple):
    """Steps that can work as soon as the stages before are done: models first, then those outside."""

    names: tuple[str, ...]
    inside: Stepwise
    outside: tuple[Node, ...]


class Staged:
    """Asks and teaches the models of a plan some of whose steps are answered outside the process.

    Like `Stepwise`, but for `asked`: if there is any after `ask`, the event waits, and `ask` is called again
    with these steps among the *done*.

    Parameters
    ----------
    plan
        The steps.
    make
        Makes what asks and teaches the models of a stage.
    orders
        What operators have said of single steps.

    Attributes
    ----------
    asked
        Features of each step outside the process that the last event waits for.
    models, wards, idle
        As of `Stepwise`; who is idle is decided once for an event, however often it waits.
    """

    def __init__(self, plan: Plan, make: Callable[[Plan], Stepwise], orders: Orders) -> None:
        self.asked: dict[str, dict[Any, Any]] = {}
        self._stages = [*_stages(plan, make)]
        self._orders = orders
        self._models: Members = []
        self.idle: frozenset[str] = frozenset()

    @property
    def models(self) -> Members:
        """The models of the next event."""
        return self._models

    @models.setter
    def models(self, models: Members) -> None:
        self._models = models
        for stage in self._stages:
            beside = [model for model in models if model[0] not in stage.names]
            stage.inside.models = [model for model in models if model[0] in stage.names] + beside

    @property
    def wards(self) -> Mapping[str, Ward]:
        """Those who ask and teach models under watch, by name of the step."""
        return self._stages[0].inside.wards

    @wards.setter
    def wards(self, wards: Mapping[str, Ward]) -> None:
        for stage in self._stages:
            stage.inside.wards = wards

    def ask(
        self, x: dict[Any, Any], y: Any, counts: Counts, done: dict[str, Answer] | None = None
    ) -> tuple[dict[str, Answer], Givens]:
        """Return what each step says of *x* up to the first stage that waits, and what all models were given.

        The answers are added to those of the steps that are *done*. Of an event that waits, nothing is given
        yet.
        """
        answers = done if done is not None else _not_chosen(self.idle)
        idle = frozenset(name for name, answer in answers.items() if answer.why == NOT_CHOSEN)
        self.asked = {}
        for stage in self._stages:
            if all(name in answers for name in stage.names):
                continue
            stage.inside.idle = idle
            stage.inside.ask(x, y, counts, answers)
            for node in stage.outside:
                if node.name not in answers:
                    self._ask_outside(node, x, answers, counts)
            if self.asked:
                return answers, []
        return answers, [given for stage in self._stages for given in stage.inside.givens(x, answers)]

    def said(self, answers: dict[str, Answer]) -> dict[str, Answer]:
        """Return the answers that are combined."""
        return self._stages[0].inside.said(answers)

    def teach(self, givens: Givens, y: Any, answers: dict[str, Answer], counts: Counts) -> None:
        """Let each step that worked learn that *y* is right; without a label, those that need none."""
        rest = iter(givens)
        for stage in self._stages:
            mine = [next(rest) for _ in range(len(stage.names) - len(stage.outside))]
            stage.inside.teach(mine, y, answers, counts)

    def teach_late(
        self, x: dict[Any, Any], y: Any, answers: dict[str, Answer], counts: Counts, weight: float = 1.0
    ) -> None:
        """Teach a label that came later; see `Stepwise.teach_late`."""
        for stage in self._stages:
            stage.inside.teach_late(x, y, answers, counts, weight)

    def _ask_outside(self, node: Node, x: dict[Any, Any], answers: dict[str, Answer], counts: Counts) -> None:
        if node.name in self._orders.disabled:
            answers[node.name] = Answer(status=SKIPPED, why=DISABLED)
            return
        skipped = barred(node, x, answers, counts)
        given = x if node.given is None else node.given(x, answers)
        if skipped is None and given is None:
            skipped = Answer(status=SKIPPED, why="none of its inputs is there")
        if skipped is not None:
            answers[node.name] = skipped
        elif given is not None:
            self.asked[node.name] = given


def _not_chosen(idle: Iterable[str]) -> dict[str, Answer]:
    return {name: Answer(status=SKIPPED, why=NOT_CHOSEN) for name in sorted(idle)}


def _stages(plan: Plan, make: Callable[[Plan], Stepwise]) -> Iterator[Stage]:
    """Yield the stages of *plan*: a step is a stage after those outside that it needs."""
    numbers: dict[str, int] = {}
    external = {node.name for node in plan.nodes if node.is_external}
    for node in plan.nodes:
        numbers[node.name] = max((numbers[name] + (name in external) for name in node.needs), default=0)
    for number in range(max(numbers.values()) + 1):
        nodes = [node for node in plan.nodes if numbers[node.name] == number]
        inside = tuple(node for node in nodes if not node.is_external)
        outside = tuple(node for node in nodes if node.is_external)
        names = tuple(node.name for node in (*inside, *outside))
        yield Stage(names, make(Plan(inside, plan.members, plan.is_graph)), outside)
