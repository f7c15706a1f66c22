"""Which members of a team work on an event, where a bandit decides that; learned with its models."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from river import base

from headrace.feedback.chance import draw
from headrace.keyed.entry import Members
from headrace.models.combining.losses import Losses, checked_loss
from headrace.models.verbs import Features, Task, Verbs, unasked
from headrace.stepwise import FAILED
from headrace.tasks.routing import Route
from headrace.tasks.stopwatch import Stopwatch
from schemas import Answer
from schemas.metrics import RouteReport

ROUTE = "route"
"""Name, among the models, of what is learned of who should work."""

_NOBODY: frozenset[str] = frozenset()


class RouteModel(base.Estimator):
    """A router, and how the answers of those that worked are measured; part of the models' state."""

    def __init__(self, route: Route, names: Sequence[str], task: Task) -> None:
        self.seed = route.seed
        self.names = frozenset(names)
        self.router = route.fresh(names)
        self.losses = Losses(checked_loss(None, ("zero_one", "absolute"), task), None)

    def idle(self, salt: int, out: Collection[str]) -> frozenset[str]:
        """Return who is not chosen for the next event, none of whom is *out*.

        *salt* makes the chance of partitions differ.
        """
        chosen = self.router.choose(lambda n: draw(self.seed, n, salt), out)
        return self.names.difference(chosen, out)

    def learn(self, answers: dict[str, Answer], y: Any) -> None:
        """Learn how wrong each of those was that worked; *y* is right. Who failed has lost all."""
        mine = {name: answer for name, answer in answers.items() if name in self.names}
        said = {name: answer for name, answer in mine.items() if answer.prediction is not None}
        failed = {name: 1.0 for name, answer in mine.items() if answer.status == FAILED}
        self.router.learn(self.losses.of(said, y) | failed)


class Routing:
    """Asks the router of the models that are selected, if there is one.

    Parameters
    ----------
    salt
        A number of the partition.

    Attributes
    ----------
    decides
        Whether there is one.
    """

    def __init__(self, salt: int) -> None:
        self._salt = salt
        self._model: RouteModel | None = None
        self.decides = False

    def take(self, members: Members) -> Members:
        """Return all but the router of *members*, which decides from now on."""
        if members[-1][0] != ROUTE:
            return members
        *others, (_, verbs) = members
        self._model = verbs.model  # type: ignore[assignment] # a router
        self.decides = True
        return others

    def idle(self, out: Collection[str]) -> frozenset[str]:
        """Return who is not chosen for the next event; whoever is *out* cannot be."""
        return _NOBODY if self._model is None else self._model.idle(self._salt, out)

    def learn(self, answers: dict[str, Answer], y: Any) -> None:
        """Learn from the *answers* to an event, made before it was learned, that *y* is right."""
        if self._model is not None and y is not None:
            self._model.learn(answers, y)

    @property
    def costs(self) -> Mapping[str, float]:
        """What each step costs, microseconds, as far as is known; nothing without a router."""
        return {} if self._model is None else self._model.router.costs

    def cost(self, name: str, cost_us: float) -> None:
        """Take over what step *name* costs, as was decided."""
        if self._model is not None:
            self._model.router.measured({name: cost_us})

    def report(self) -> RouteReport | None:
        """Return who has worked and what that cost, ``None`` without a router."""
        if self._model is None:
            return None
        router = self._model.router
        return RouteReport(router.shares(), router.mean_cost_us)


def timed(members: Members, stopwatch: Stopwatch, names: Collection[str]) -> Members:
    """Return *members*, those of them that have *names* measured."""
    return [(name, _timed(name, verbs, stopwatch) if name in names else verbs) for name, verbs in members]


def _timed(name: str, verbs: Verbs, stopwatch: Stopwatch) -> Verbs:
    def answer(x: Features, y: Any) -> Answer:
        clock = stopwatch.clock
        if clock is None:
            return verbs.answer(x, y)
        began = clock()
        try:
            return verbs.answer(x, y)
        finally:
            stopwatch.took(name, clock() - began, n=1)

    def learn(x: Features, y: Any) -> None:
        clock = stopwatch.clock
        if clock is None:
            verbs.learn(x, y)
            return
        began = clock()
        try:
            verbs.learn(x, y)
        finally:
            stopwatch.took(name, clock() - began, n=0)

    return Verbs(answer, learn, verbs.model)


def beside(members: Members, model: base.Estimator | None) -> Members:
    """Return *members* and, last, the router *model* if there is one."""
    return members if model is None else [*members, (ROUTE, unasked(model))]
