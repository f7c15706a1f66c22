"""One model under watch: its circuit, what it is healed from, and who stands in for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from river import base

from headrace.errors import SnapshotError
from headrace.healing.keeper import Keeper
from headrace.healing.lessons import Lesson
from headrace.healing.losses import Yardstick
from headrace.healing.stand_ins import Answers, Asked, Models, first_answer
from headrace.models.verbs import Verbs
from headrace.tasks.circuit import POISONED, Circuit, Transition
from headrace.tasks.lateness import Lateness
from schemas.results import Answer

Fault = Callable[[str, str, Exception], str]
"""Counts that the model named raised when it was asked or taught; returns what to say of it."""

Teach = Callable[[str, Verbs, Lesson], None]
"""Teaches the model named."""


class Given(NamedTuple):
    """An event as one model gets it, the models it is worked on by, and what was said of it before."""

    x: dict[Any, Any]
    y: Any
    models: Models
    answers: Answers


class Ward:
    """Asks and teaches one model as long as its circuit allows it, and else those that stand in.

    Parameters
    ----------
    name
        Of the step.
    circuit
        What decides.
    chain
        Who stands in, in the order in which they are asked.
    beside
        Names of those of them that learn beside the model.
    keeper
        What the model is healed from, ``None``: it is not.
    yardstick
        Measures the model's answers, where labels say how wrong they are.

    Attributes
    ----------
    install
        Puts a healed model into its place; set by whoever holds the models.
    lateness, clock
        Whether answers come late, and what measures it; no clock, nothing is timed.
    said
        Transitions since somebody took them.
    n_healed
        How often the model was restored.
    n_stand_in
        Answers of others in its place, by who gave them.
    """

    def __init__(
        self,
        name: str,
        circuit: Circuit,
        chain: Sequence[Asked] = (),
        *,
        beside: Sequence[str] = (),
        keeper: Keeper | None = None,
        yardstick: Yardstick | None = None,
    ) -> None:
        self.name = name
        self.circuit = circuit
        self.keeper = keeper
        self.install: Callable[[str, base.Estimator], None] | None = None
        self.lateness: Lateness | None = None
        self.clock: Callable[[], float] | None = None
        self.said: list[Transition] = []
        self.n_events = 0
        self.n_healed = 0
        self.n_stand_in: dict[str, int] = {}
        self._chain = chain
        self._beside = beside
        self._yardstick = yardstick

    def ask(self, given: Given, fault: Fault) -> Answer:
        """Return the model's answer, or that of the first that can stand in; with ``status``."""
        self.n_events += 1
        circuit = self.circuit
        self._turn(circuit.arrived())
        if not circuit.allows:
            return self._stood_in(given, f"the circuit is open: {circuit.reason}", None, fault)
        is_probe = circuit.state == "half_open"
        try:
            answer = self._timed(given)
        except Exception as error:  # noqa: BLE001 - a model's fault is neither the record's nor ours
            told = fault(self.name, "predict", error)
            self._turn(circuit.failed("predict", told.removeprefix("predict: ")))
            return self._stood_in(given, told, told, fault)
        self._turn(circuit.succeeded())
        if is_probe:
            return self._stood_in(given, "the circuit is half open", None, fault)
        answer.status = "ok"
        return answer

    def teach(self, given: Given, weight: float, teach: Teach, fault: Fault) -> str | None:
        """Teach the model if its circuit allows it, and those beside it; return the model's fault."""
        lesson = Lesson(given.x, given.y, weight)
        for name in self._beside:
            try:
                teach(name, given.models[name], lesson)
            except Exception as error:  # noqa: BLE001 - as above
                fault(name, "learn", error)
        if given.y is not None:
            self._measure(given)
        if not self.circuit.allows:
            return None
        told = None
        try:
            teach(self.name, given.models[self.name], lesson)
        except Exception as error:  # noqa: BLE001 - as above
            told = fault(self.name, "learn", error)
            self._turn(self.circuit.failed("learn", told.removeprefix("learn: ")))
        if self.keeper is not None and self.circuit.allows:
            wrong = self.keeper.learned(given.models[self.name].model, *lesson)
            if wrong is not None:
                self._turn(self.circuit.open("poison", wrong))
        return told

    def too_slow(self, n_late: float | None) -> None:
        """Take the model out, of whose last answers *n_late* came late, as was decided."""
        deadline = "its deadline" if self.lateness is None else f"{self.lateness.deadline_s * 1e3:g} ms"
        self._turn(
            self.circuit.open("slow", f"{n_late or 0:g} of its last answers took longer than {deadline}")
        )

    def take_said(self) -> list[Transition]:
        """Return the transitions since the last call."""
        said, self.said = self.said, []
        return said

    def adopt(self, model: base.Estimator) -> None:
        """Take in that *model* has taken the place of the one before, from outside."""
        if self.keeper is not None:
            self.keeper.start_afresh(model)

    def state(self) -> dict[str, Any]:
        """Return what is written down."""
        return {
            "circuit": self.circuit.snapshot(),
            "keeper": None if self.keeper is None else self.keeper.state(),
            "yardstick": None if self._yardstick is None else self._yardstick.state(),
            "counts": [self.n_events, self.n_healed, list(self.n_stand_in.items())],
            "said": [tuple(turned) for turned in self.said],
        }

    def digested(self) -> dict[str, Any]:
        """Return what counts in a digest."""
        return {**self.state(), "keeper": None if self.keeper is None else self.keeper.digested()}

    def restore(self, state: Any) -> None:
        """Go on from what `state` returned, or raise `SnapshotError`."""
        try:
            self.circuit.restore(state["circuit"])
            if self.keeper is not None:
                self.keeper.restore(state["keeper"])
            if self._yardstick is not None:
                self._yardstick.restore(state["yardstick"])
            self.n_events, self.n_healed, stand_ins = state["counts"]
            self.n_stand_in = dict(stand_ins)
            self.said = [Transition(*turned) for turned in state["said"]]
        except (KeyError, TypeError, ValueError) as error:
            raise SnapshotError("circuits", "the snapshot holds no circuits", why=repr(error)) from error

    def _timed(self, given: Given) -> Answer:
        answer = given.models[self.name].answer
        if self.lateness is None or self.clock is None:
            return answer(given.x, given.y)
        began = self.clock()
        try:
            return answer(given.x, given.y)
        finally:
            self.lateness.took(self.clock() - began)

    def _stood_in(self, given: Given, why: str, error: str | None, fault: Fault) -> Answer:
        found = first_answer(
            self._chain,
            why,
            lambda one: one.answer(*given),
            lambda one, raised: fault(one.by, "predict", raised),
        )
        if found is None:
            return Answer(error=error, status="failed", why=None if error else why)
        by = found.by or ""
        self.n_stand_in[by] = self.n_stand_in.get(by, 0) + 1
        return found

    def _measure(self, given: Given) -> None:
        """Tell the circuit how wrong the model was; one whose answer is not used is asked again for that."""
        if self._yardstick is None:
            return
        answer = given.answers.get(self.name)
        if answer is None or answer.status != "ok":
            answer = Answer()
            if self.circuit.state == "half_open":
                with suppress(Exception):  # it was told when it was asked as a probe
                    answer = given.models[self.name].answer(given.x, given.y)
        losses = self._yardstick.measure(answer, given.y)
        if losses is not None:
            self._turn(self.circuit.lost(*losses))

    def _turn(self, turned: Transition | None) -> None:
        """Note a transition, and do what it brings about."""
        if turned is None:
            return
        if turned.after == "closed" and self.keeper is not None:
            self.keeper.thaw()
        if turned.after == "open" and self.lateness is not None:
            self.lateness.forget()
        if turned.after == "open" and turned.reason in POISONED:
            turned = turned._replace(happened=f"{turned.happened}{self._healed()}")
        self.said.append(turned)

    def _healed(self) -> str:
        """Restore the model, if it can be; return what to say of it."""
        if self.keeper is None or self.install is None:
            return ""
        try:
            healed = self.keeper.heal()
        except Exception as error:  # noqa: BLE001 - a user's factory may fail in any way
            return f" It could not be restored: {type(error).__name__}: {error}."[:500]
        self.n_healed += 1
        self.install(self.name, healed.model)
        return f" Its state: {healed.text}."
