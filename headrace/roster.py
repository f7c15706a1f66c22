"""The models of a partition: built, bound to their verbs, put in each other's place; and who asks them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from river import base

from headrace import assembly, combination, fold_faults, routing
from headrace.circuits import Bench, circuits_of
from headrace.drift import Guard, guards_of
from headrace.fold_state import checked_models
from headrace.keyed.entry import Making, Members, Models
from headrace.keyed.models import KeyedModels
from headrace.models.combining.combiner import COMBINE
from headrace.models.digest import digest
from headrace.models.verbs import binding_of, needs_label
from headrace.pipeline import Pipeline
from headrace.referee import Referee
from headrace.routing import ROUTE, Routing
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.team import Team
from headrace.witness import Witness
from schemas.metrics import Contribution, RouteReport


class Roster:
    """The models of one pipeline on one partition.

    Parameters
    ----------
    pipeline
        The declaration; its factories build the models.
    topic, partition
        Of the log.
    allowed
        Classes that snapshots may hold besides river's.
    referee
        Who compares champion and challengers.
    witness
        Notes what each model is asked and taught, if somebody looks.

    Attributes
    ----------
    models
        The models by name; with ``scope="key"`` such as a new key gets.
    keyed
        The models of each key, with ``scope="key"``.
    team
        Who answers and learns.
    circuits
        The models under watch, where there are some.
    names, members
        Of the models, in the order in which they work; of those whose answers are combined.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        topic: str,
        partition: int,
        *,
        allowed: Allowed,
        referee: Referee | None,
        witness: Witness | None,
    ) -> None:
        self._pipeline = pipeline
        self._allowed = allowed
        self._witness = witness
        self.models = fold_faults.seeded_as_asked(pipeline.fresh_models())
        self._guards = _guards_in(self.models)
        working = [node.name for node in pipeline.steps.nodes if node.name in self.models]
        self.names, self.members = tuple(working), pipeline.steps.members
        self._bindings = {
            name: binding_of(self.models[name], pipeline.tasks[name], partition)
            for name in dict.fromkeys([*working, *pipeline.models])
        }
        self._stopwatch = assembly.stopwatch_of(pipeline)
        supervised = {name for name in pipeline.models if needs_label(self.models[name])}
        router = Routing(partition)
        self.team = Team(pipeline.steps, pipeline.combine, supervised, witness, referee, router)
        bench = Bench(self.models, self._bindings, allowed, self._install)
        self.circuits = circuits_of(pipeline, bench, topic, partition)
        self.team.watch({} if self.circuits is None else self.circuits.wards, pipeline.fallback)
        self.team.select(self.bound(self.models))
        self.keyed = self.fresh_keyed() if pipeline.scope == "key" else None

    @property
    def has_fallback(self) -> bool:
        """Whether there is an answer where no model has one."""
        return self._pipeline.fallback is not None

    def guards(self) -> Sequence[Guard]:
        """Return the guards of the models as they are now."""
        return self._guards

    def bound(self, models: Models) -> Members:
        """Return *models* with their verbs, and what is learned beside them."""
        members = [(name, bind(models[name])) for name, bind in self._bindings.items()]
        members = fold_faults.with_faults(members)
        members = members if self._witness is None else self._witness.beside(members)
        if self._stopwatch is not None:
            members = routing.timed(members, self._stopwatch, self.members)
        members = combination.beside(members, models.get(COMBINE))
        return routing.beside(members, models.get(ROUTE))

    def put(self, models: Models, members: Members | None = None) -> None:
        """Let *models*, which may be bound already, answer and learn from now on."""
        self.team.select(self.bound(models) if members is None else members)
        self.models = models
        self._guards = _guards_in(models)

    def reset(self, name: str) -> None:
        """Let a fresh model take the place of the model *name*; not where each key has its own."""
        fresh = fold_faults.seeded_as_asked(self._pipeline.fresh_models())
        self.put({**self.models, name: fresh[name]})
        if self.circuits is not None:
            self.circuits.adopt({name: self.models[name]})

    def fresh_keyed(self) -> KeyedModels:
        """Return models by key, of no key yet."""

        def read(blob: bytes) -> Models:
            return checked_models(pickling.unpickled(blob, self._allowed), self.models)

        return KeyedModels(Making(self._pipeline.fresh_models, self.bound, read), self._pipeline.max_keys)

    def digests(self) -> list[Any]:
        """Return a fingerprint of each model."""
        if self.keyed is not None:
            return [*self.keyed.digests()]
        return [(name, digest(model)) for name, model in self.models.items()]

    def contributions(self) -> dict[str, Contribution] | None:
        """Return what each model has to say in the combined answers.

        ``None`` where that is not learned, or by key.
        """
        return None if self.keyed is not None else self.team.combination.contributions()

    def route(self) -> RouteReport | None:
        """Return who has worked and what that cost; ``None`` where all work, or each key has its own."""
        return None if self.keyed is not None else self.team.routing.report()

    def time(self, clock: Callable[[], float] | None) -> None:
        """Measure by *clock* what is to be measured, or not; that is no part of the state."""
        if self.circuits is not None:
            self.circuits.time(clock)
        if self._stopwatch is not None:
            self._stopwatch.clock = clock

    def late(self) -> Sequence[tuple[str, float]]:
        """Return the models that are too slow, and how many of their answers came late."""
        return () if self.circuits is None else [*self.circuits.late()]

    def take_costs(self) -> Sequence[tuple[str, float]]:
        """Return the steps that do not cost what is known, and what they have cost since the last call."""
        return () if self._stopwatch is None else [*self._stopwatch.take(self.team.routing.costs)]

    def _install(self, name: str, model: base.Estimator) -> None:
        """Let a healed model take the place of the one that was poisoned."""
        for guard in guards_of(model):
            guard.take_alarms()  # they were raised when it learned for the first time
        self.put(self.models | {name: model})


def _guards_in(models: Models) -> list[Guard]:
    return [guard for model in models.values() for guard in guards_of(model)]
