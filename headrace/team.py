"""The models that answer one event and learn from it: the fault of one does not harm the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from headrace.combination import Combination
from headrace.feedback.bandit import BanditModel
from headrace.feedback.weights import weighted
from headrace.finals import Work, never_silent, or_fallback, publishable
from headrace.healing.ward import Ward
from headrace.keyed.entry import Members
from headrace.labels.outcomes import EventId
from headrace.models.combining.checks import Combination as Declared
from headrace.orders import Orders
from headrace.record import Counts
from headrace.referee import Referee
from headrace.routing import Routing
from headrace.staged import Staged
from headrace.steps.plan import Plan
from headrace.stepwise import DISABLED, SKIPPED, Stepwise, reported
from headrace.witness import Witness
from schemas import Answer


class Team:
    """Asks and teaches the models that are selected.

    Models that all work on all events are asked in the shortest way; others `Stepwise`.

    Parameters
    ----------
    plan
        The steps, in the order in which models are selected.
    combine
        How several answers become one.
    supervised
        Names of the models that learn from labels only. If there are some, there is nothing to learn from an
        event without label, but in a graph.
    witness
        Notes what is taught with a weight or as a reward, if somebody looks.
    referee
        Says who answers, where there are challengers.
    routing
        Says who works on an event.

    Attributes
    ----------
    step
        Number of events learned so far.
    combination, routing
        How the answers become one, and who works on an event.
    orders
        What operators have said: who is left out. After a change call `obey`.
    """

    def __init__(
        self,
        plan: Plan,
        combine: Declared,
        supervised: Collection[str],
        witness: Witness | None = None,
        referee: Referee | None = None,
        routing: Routing | None = None,
    ) -> None:
        self.step = 0
        self.orders = Orders()
        self.is_stepwise = plan.is_graph
        self.combination = Combination(combine)
        self.routing = routing or Routing(0)
        self._is_supervised = bool(supervised)
        self._witness = witness
        self._referee = referee
        self._stepwise = self._new_stepwise(plan, supervised)
        self._members: Members = []
        self._fallback: Answer | None = None

    def watch(self, wards: Mapping[str, Ward], fallback: Answer | None) -> None:
        """From the next selection on, let models be asked and taught by their *wards*.

        Where no model has an answer, *fallback* is it.
        """
        self._stepwise.wards, self._fallback = wards, fallback

    def _new_stepwise(self, plan: Plan, supervised: Collection[str]) -> Stepwise | Staged:
        if any(node.is_external for node in plan.nodes):
            return Staged(
                plan, lambda part: Stepwise(part, supervised, self.orders, self._witness), self.orders
            )
        return Stepwise(plan, supervised, self.orders, self._witness)

    def select(self, members: Members) -> None:
        """Let the next event be for *members*."""
        members = self.combination.take(self.routing.take(members))
        self._members = self._stepwise.models = self._asked = self._taught = members
        self._answer, self._learn, _ = members[0][1]
        self.work: Work = self._by_steps if self.is_stepwise else self._several
        if len(members) == 1 and not self.is_stepwise and not self.combination.learns:
            self.work = self._one
        if self.orders:
            self._leave_out(self.orders)
        if self._fallback is not None:
            self.work = never_silent(self.work, self._fallback)

    def obey(self) -> None:
        """Ask and teach no model that the orders leave out, from the next event on."""
        self.select(self._members)

    def _leave_out(self, orders: Orders) -> None:
        self._asked = [one for one in self._members if one[0] not in orders.disabled]
        self._taught = [one for one in self._members if one[0] not in orders.untaught]
        if not self._taught:
            self._learn = _learn_nothing
        if orders.disabled and not self.is_stepwise:
            self.work = self._some

    def learn(
        self,
        x: dict[Any, Any],
        y: Any,
        counts: Counts,
        *,
        answers: dict[str, Answer] | None = None,
        weight: float = 1.0,
    ) -> None:
        """Teach an event that was answered before the label *y* was known, which counts *weight*.

        *answers* are those of then, where there are several models.
        """
        if not self._is_supervised:
            return
        if self.is_stepwise:
            if answers is not None:
                self._stepwise.teach_late(x, y, answers, counts, weight)
        else:
            self._learn_all(x, y, counts, weight)
        if answers is not None and weight > 0.0:
            self.combination.learn_late(answers, x, y, counts)
            self.routing.learn(answers, y)
        self._learned_late(counts)

    def _learn_all(self, x: dict[Any, Any], y: Any, counts: Counts, weight: float) -> None:
        for name, verbs in self._taught:
            try:
                if weight == 1.0:
                    verbs.learn(x, y)
                else:
                    self._noting(name, weighted(verbs.model, verbs.learn))(x, y, weight)
            except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
                reported(name, "learn", error, counts)

    def reward(self, x: dict[Any, Any], reward: float, answer: Answer, counts: Counts, weight: float) -> None:
        """Teach a bandit what the arm that *answer* chose for *x* has earned."""
        for name, verbs in self._taught:
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

    def _one(self, x: dict[Any, Any], y: Any, counts: Counts, who: EventId | bytes) -> tuple[Answer, None]:
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

    def _several(
        self, x: dict[Any, Any], y: Any, counts: Counts, who: EventId | bytes
    ) -> tuple[Answer, dict[str, Answer]]:
        """Test all, then let all learn."""
        answers: dict[str, Answer] = {}
        for name, verbs in self._asked:
            try:
                answers[name] = verbs.answer(x, y)
            except Exception as error:  # noqa: BLE001 - as above
                answers[name] = Answer(error=reported(name, "predict", error, counts))
        final = self._combined({name: a for name, a in answers.items() if a.error is None}, x, counts)
        if y is not None or not self._is_supervised:
            for name, verbs in self._taught:
                try:
                    verbs.learn(x, y)
                except Exception as error:  # noqa: BLE001 - as above
                    answers[name].error = reported(name, "learn", error, counts)
            self.step += 1
            counts.learned += 1
        if self.combination.learns:
            self._learn_to_combine(final, answers, (x, y), counts)
        return final, answers

    @property
    def asked(self) -> dict[str, dict[Any, Any]]:
        """Features of each step outside the process that the last event waits for."""
        return self._stepwise.asked

    def go_on(
        self, x: dict[Any, Any], y: Any, counts: Counts, who: EventId | bytes, done: dict[str, Answer]
    ) -> tuple[Answer | None, dict[str, Answer]]:
        """Do what is left of an event that had to wait, with the answers of the steps that are *done*."""
        final, answers = self._by_steps(x, y, counts, who, done)
        return final if self._fallback is None else or_fallback(final, self._fallback), answers

    def _some(
        self, x: dict[Any, Any], y: Any, counts: Counts, who: EventId | bytes
    ) -> tuple[Answer, dict[str, Answer]]:
        """Do as `_several`, and say which models were left out."""
        final, answers = self._several(x, y, counts, who)
        said = {name: answers.get(name) or Answer(status=SKIPPED, why=DISABLED) for name, _ in self._members}
        return final, said

    def _by_steps(
        self,
        x: dict[Any, Any],
        y: Any,
        counts: Counts,
        who: EventId | bytes,
        done: dict[str, Answer] | None = None,
    ) -> tuple[Answer | None, dict[str, Answer]]:
        """Ask step by step, then let those learn that have something to; ``None`` if steps were `asked`."""
        stepwise, routing = self._stepwise, self.routing
        if done is None and routing.decides:
            stepwise.idle = routing.idle(self.orders.disabled)
        answers, givens = stepwise.ask(x, y, counts, done)
        if stepwise.asked:
            return None, answers
        final = self._combined(stepwise.said(answers), x, counts)
        if self._referee is not None:
            final = self._referee.answer(final, answers, who)
        stepwise.teach(givens, y, answers, counts)
        if routing.decides:
            routing.learn(answers, y)
        if y is not None or not self._is_supervised:
            self.step += 1
            counts.learned += 1
        if self.combination.learns:
            self._learn_to_combine(final, answers, (x, y), counts)
        return final, answers

    def _learn_to_combine(
        self, final: Answer, answers: dict[str, Answer], lesson: tuple[dict[Any, Any], Any], counts: Counts
    ) -> None:
        """Let the combination learn what the members have said before they learned."""
        fault = self.combination.learn(answers, *lesson, counts)
        if fault is not None:
            final.error = final.error or fault

    def _combined(self, answers: dict[str, Answer], x: dict[Any, Any], counts: Counts) -> Answer:
        """Return what *answers* come to; `combine` may be a user's own, and be wrong."""
        try:
            final = self.combination.answer(answers, x)
            return publishable(final)
        except Exception as error:  # noqa: BLE001 - as above
            return Answer(error=reported("combine", "predict", error, counts))


def _learn_nothing(x: dict[Any, Any], y: Any) -> None:
    """Stand in for a model that is not to learn."""
