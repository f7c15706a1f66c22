"""All that a fold knows: models, one set or one for each key, and what goes on beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from river import base

from headrace import combination, fold_faults, routing
from headrace.circuits import Bench, Circuits, circuits_of
from headrace.drift import Guard, guards_of, watch_of
from headrace.errors import SnapshotError
from headrace.external.waiting import Pending
from headrace.external_loop import Outside
from headrace.feedback.asking import Asker
from headrace.feedback_loop import FeedbackLoop
from headrace.fold_state import (
    ORDERS,
    Capture,
    Part,
    WholeCapture,
    checked_models,
    require_parts,
    whole_state,
)
from headrace.joint_capture import Inner, JointCapture, is_joint, parted
from headrace.judge import Judge
from headrace.keyed.entry import GROUPS, Making, Members, Models
from headrace.keyed.models import KeyedModels
from headrace.labels.waiting import Waiting
from headrace.merged_log import MergedLog, Take
from headrace.models.combining.combiner import COMBINE
from headrace.models.digest import digest
from headrace.models.verbs import binding_of, needs_label
from headrace.orders import Orders
from headrace.pipeline import Pipeline
from headrace.record import Counts, Record
from headrace.referee import Referee
from headrace.routing import ROUTE, Routing
from headrace.sentinel import Sentinel
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.capture import begin
from headrace.tasks.stopwatch import Stopwatch
from headrace.team import Team
from headrace.truth import Observers, Truth
from headrace.witness import Witness
from schemas.decisions import Turn
from schemas.log import DELETED, LogRecord
from schemas.metrics import Contribution, MetricsReport, RouteReport


class Memory:
    """The state of one pipeline on one partition.

    Parameters
    ----------
    pipeline
        The declaration; its factories build the models.
    topic, partition
        Of the log.
    allowed
        Classes that snapshots may hold besides river's.
    witness
        Notes what each model is asked and taught, if somebody looks.

    Attributes
    ----------
    models
        The models by name; with ``scope="key"`` such as a new key gets.
    team
        Who answers and learns.
    keyed
        The models of each key, with ``scope="key"``.
    reader, merged, truth, referee, circuits, outside
        Event time and features, what was folded of the sources, events that wait for their label, champion
        and challengers, models under watch, events that wait for answers from outside: each where the
        pipeline needs it.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        topic: str,
        partition: int,
        allowed: Allowed | None,
        witness: Witness | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._allowed = allowed or Allowed()
        self._witness = witness
        self.models = fold_faults.seeded_as_asked(pipeline.fresh_models())
        self._guards = _guards_in(self.models)
        self._bindings = {
            name: binding_of(self.models[name], pipeline.tasks[name], partition)
            for name in dict.fromkeys([*(node.name for node in pipeline.steps.nodes), *pipeline.models])
            if name in self.models
        }
        supervised = {name for name in pipeline.models if needs_label(self.models[name])}
        place = pipeline.name, pipeline.label, topic, partition
        self.referee = _referee(pipeline, place)
        self.stopwatch = _stopwatch(pipeline)
        self.team, self.circuits = self._new_team(supervised, topic, partition)
        self.team.select(self._bound(self.models))
        self.keyed = self._new_keyed() if pipeline.scope == "key" else None
        self.reader = pipeline.reader()
        self.waiting = None if pipeline.labels is None else Waiting(pipeline.labels)
        self._waits: dict[str, Waiting | Pending] = {} if self.waiting is None else {"labels": self.waiting}
        self.truth = self._new_truth(place)
        self.outside = self._new_outside((place, pipeline.log.partitions))
        if self.outside is not None:
            self._waits["external"] = self.outside.pending
        self.merged = MergedLog(self._takers()) if pipeline.log_sources else None
        parts: dict[str, Part | None] = {"reader": self.reader, "sources": self.merged}
        if self.truth is not None:
            truth = self.truth
            parts |= {
                "judge": truth.judge,
                "asker": truth.asker,
                "drift": truth.sentinel,
                "contest": self.referee,
                "circuits": self.circuits,
            }
            if truth.loop is not None:
                parts["feedback"] = truth.loop
                self._waits["feedback"] = truth.loop.waiting
        self._parts: dict[str, Part] = {name: part for name, part in parts.items() if part is not None}
        self._expected_s: dict[str, float] = {}

    @property
    def reach(self) -> int:
        """How many snapshots a restore may need."""
        return 1 if self.keyed is None and not self._waits else GROUPS + 1

    def contributions(self) -> dict[str, Contribution] | None:
        """Return what each model has to say in the combined answers.

        ``None`` where that is not learned, or by key.
        """
        return None if self.keyed is not None else self.team.combination.contributions()

    def route(self) -> RouteReport | None:
        """Return who has worked and what that cost; ``None`` where all work, or each key has its own."""
        return None if self.keyed is not None else self.team.routing.report()

    def _completed(self, report: MetricsReport) -> MetricsReport:
        """Return *report* with what the team has learned of itself."""
        return msgspec.structs.replace(report, contributions=self.contributions(), route=self.route())

    def time(self, clock: Callable[[], float] | None) -> None:
        """Measure by *clock* what is to be measured, or not; that is no part of the state."""
        if self.circuits is not None:
            self.circuits.time(clock)
        if self.stopwatch is not None:
            self.stopwatch.clock = clock

    def take_measured(self) -> list[tuple[Turn, str, float]]:
        """Return the orders that follow from what was measured since the last call: each, model, value."""
        found: list[tuple[Turn, str, float]] = []
        if self.circuits is not None:
            found += [("open", *late) for late in self.circuits.take_late()]
        if self.stopwatch is not None:
            found += [("cost", *cost) for cost in self.stopwatch.take(self.team.routing.costs)]
        return found

    @property
    def orders(self) -> Orders:
        """What operators have said of single models."""
        return self.team.orders

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models, in the order in which they work."""
        return tuple(node.name for node in self._pipeline.steps.nodes if node.name in self.models)

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the models whose answers are combined."""
        return self._pipeline.steps.members

    @property
    def has_fallback(self) -> bool:
        """Whether there is an answer where no model has one."""
        return self._pipeline.fallback is not None

    def reset(self, name: str) -> None:
        """Let a fresh model take the place of the model *name*; not where each key has its own."""
        fresh = fold_faults.seeded_as_asked(self._pipeline.fresh_models())
        self._put({**self.models, name: fresh[name]})
        if self.circuits is not None:
            self.circuits.adopt({name: self.models[name]})

    def _put(self, models: Models, members: Members | None = None) -> None:
        """Let *models*, which may be bound already, answer and learn from now on."""
        self.team.select(self._bound(models) if members is None else members)
        self.models = models
        self._guards = _guards_in(models)

    def digest(self) -> str:
        """Return a fingerprint of what the results to come depend on."""
        if self.keyed is not None:
            found: list[Any] = [*self.keyed.digests()]
        else:
            found = [(name, digest(model)) for name, model in self.models.items()]
        states = self._part_states()
        if self.circuits is not None:  # its checkpoints are bytes, and these depend on more than the state
            states["circuits"] = self.circuits.digested()
        found += [(name, digest(state)) for name, state in states.items()]
        found += [(name, waiting.digest()) for name, waiting in self._waits.items()]
        return digest([self.team.step, *found])

    def capture(self, next_offset: int, *, whole: bool, at_once: bool) -> Capture:
        """Begin to write down the state as it is now; see `headrace.fold.Fold.capture`."""
        step = self.team.step

        def begun(name: str, state: dict[str, Any]) -> WholeCapture:
            def expect(cost_s: float) -> None:
                self._expected_s[name] = cost_s

            body = begin(state, expected_s=0.0 if at_once else self._expected_s.get(name))
            return WholeCapture(body, next_offset, step, expect)

        parts = self._part_states()
        others: dict[str, Inner] = {}
        if self.keyed is None:
            some = {"parts": parts} if parts else {}
            main: Capture = begun("main", {"step": step, "models": self.models, **some})
        else:
            main = self.keyed.capture(next_offset, step, whole=whole)
            if parts:
                others["parts"] = begun("parts", parts)
        for name, waiting in self._waits.items():
            others[name] = waiting.capture(next_offset, step, whole=whole)
        return JointCapture(main, others) if others else main

    def restore(self, next_offset: int, states: Sequence[Any]) -> None:
        """Become the state at *next_offset* that the unpickled bodies *states*, oldest first, say.

        Raises
        ------
        SnapshotError
            If they are no state of this pipeline; this one is as before.
        """
        self.team.step = self._take_over(states, next_offset, goes_on=True)

    def adopt_models(self, next_offset: int, states: Sequence[Any]) -> None:
        """Take over the models of a snapshot; all else goes on.

        Raises
        ------
        SnapshotError
            If it is of another pipeline.
        """
        self._take_over(states, next_offset, goes_on=False)

    def _take_over(self, states: Sequence[Any], next_offset: int, *, goes_on: bool) -> int:
        """Replace the models, or raise and leave them; return the step of the snapshot."""
        if not states:
            raise SnapshotError("state", "there is no snapshot to take models from")
        waits: dict[str, list[bytes]] = {}
        parts: Any = None
        if self._waits or (self.keyed is not None and self._parts):
            joint = parted(states)
            bodies = joint["main"] if self.keyed is not None else joint["main"][-1:]
            states = self._opened(bodies)
            waits = {name: joint.get(name, []) for name in self._waits}
            parts = self._opened(joint["parts"][-1:])[0] if "parts" in joint else None
        elif self.keyed is not None and any(map(is_joint, states)):  # there are orders, or were
            if is_joint(states[-1]):
                parts = self._opened([states[-1]["parts"]])[0]
            states = [self._opened([s["main"]])[0] if is_joint(s) else s for s in states]
        if self.keyed is not None:
            return self._take_over_keyed(states, parts or {}, next_offset, goes_on=goes_on)
        state = whole_state(states, self.models)
        require_parts(state.parts, self._parts)
        members = self._bound(state.models)
        if goes_on:
            for name, waiting in self._waits.items():
                waiting.restore(self._opened(waits[name]), next_offset)
            self._restore_parts(state.parts)
        self._put(state.models, members)
        if self.circuits is not None and not goes_on:
            self.circuits.adopt(self.models)
        return state.step

    def _take_over_keyed(
        self, states: Sequence[Any], parts: Mapping[str, Any], next_offset: int, *, goes_on: bool
    ) -> int:
        require_parts(parts, self._parts)
        keyed = self._new_keyed()
        step = keyed.restore(states, next_offset, goes_on=goes_on)
        if goes_on:
            self._restore_parts(parts)
        self.keyed = keyed
        return step

    def _update(self, logged: LogRecord, record: Record, counts: Counts) -> None:
        """Take in a record of a lookup's topic."""
        counts.others += 1
        if self.reader is not None:
            data = bytes(logged.data)
            row = None if data == DELETED else data
            self.reader.update(logged.source.topic, record.key, row, logged.timestamp_ms)

    def _takers(self) -> dict[str, Take]:
        """Return who takes the records of each kind but events."""
        takers: dict[str, Take] = {}
        if self.truth is not None:
            takers = {"label": self.truth.label, "feedback": self.truth.remark}
        if self.outside is not None:
            takers["answer"] = self.outside.answer
        return takers | {f"lookup:{lookup.topic.name}": self._update for lookup in self._pipeline.lookups}

    def _opened(self, bodies: Sequence[bytes]) -> list[Any]:
        return [pickling.loads(body, self._allowed) for body in bodies]

    def _part_states(self) -> dict[str, Any]:
        """Return what is written down beside the models; of orders only if there are any."""
        states = {name: part.state() for name, part in self._parts.items()}
        return states | {ORDERS: self.orders.state()} if self.orders else states

    def _restore_parts(self, states: Mapping[str, Any]) -> None:
        for name, part in self._parts.items():
            part.restore(states[name])
        self.orders.restore(states.get(ORDERS))
        self.team.obey()

    def _new_keyed(self) -> KeyedModels:
        def read(blob: bytes) -> Models:
            return checked_models(pickling.unpickled(blob, self._allowed), self.models)

        return KeyedModels(Making(self._pipeline.fresh_models, self._bound, read), self._pipeline.max_keys)

    def _bound(self, models: Models) -> Members:
        members = [(name, bind(models[name])) for name, bind in self._bindings.items()]
        members = fold_faults.with_faults(members)
        members = members if self._witness is None else self._witness.beside(members)
        if self.stopwatch is not None:
            members = routing.timed(members, self.stopwatch, self.members)
        members = combination.beside(members, models.get(COMBINE))
        return routing.beside(members, models.get(ROUTE))

    def _new_team(self, supervised: set[str], topic: str, partition: int) -> tuple[Team, Circuits | None]:
        pipeline = self._pipeline
        router = Routing(partition)
        team = Team(pipeline.steps, pipeline.combine, supervised, self._witness, self.referee, router)
        bench = Bench(self.models, self._bindings, self._allowed, self._install)
        circuits = circuits_of(pipeline, bench, topic, partition)
        team.watch({} if circuits is None else circuits.wards, pipeline.fallback)
        return team, circuits

    def _install(self, name: str, model: base.Estimator) -> None:
        """Let a healed model take the place of the one that was poisoned."""
        for guard in guards_of(model):
            guard.take_alarms()  # they were raised when it learned for the first time
        self.models = self.models | {name: model}
        self._guards = _guards_in(self.models)
        self.team.select(self._bound(self.models))

    def _new_loop(self, place: tuple[str, str, str, int]) -> FeedbackLoop | None:
        pipeline, reading = self._pipeline, self._pipeline.remark_reader()
        if pipeline.feedback is None or pipeline.feedback_waits is None or reading is None:
            return None
        waiting = Waiting(pipeline.feedback_waits)
        return FeedbackLoop(pipeline.feedback, waiting, reading, self.team, self._pipeline.models, place)

    def _new_outside(self, place: tuple[tuple[str, str, str, int], int]) -> Outside | None:
        ways = self._pipeline.answer_readers()
        if not ways or self.reader is None:
            return None
        return Outside(ways, self.team, self.truth, self.reader.clock, place)

    def _new_truth(self, place: tuple[str, str, str, int]) -> Truth | None:
        pipeline, judge = self._pipeline, None
        if pipeline.plan is not None:
            said = pipeline.plan, pipeline.alerts, pipeline.rivals
            judge = Judge(*said, self.waiting, place[1:], self._completed)
        asker = None if pipeline.ask is None else Asker(pipeline.ask, *place[1:])
        sentinel = None
        if pipeline.drift is not None:
            only = next(iter(pipeline.models)) if len(pipeline.models) == 1 else None
            watch = watch_of(pipeline.drift, pipeline.models)
            sentinel = Sentinel(watch, lambda: self._guards, only, place)
        observers = Observers(judge, asker, sentinel, self._new_loop(place), self.referee, self.circuits)
        if observers == _NOBODY and self.waiting is None:
            return None
        clock, reader = None if self.reader is None else self.reader.clock, pipeline.label_reader()
        late = None if reader is None or self.waiting is None else (self.waiting, reader)
        return Truth(late, observers, self.team, clock, place)


_NOBODY = Observers(None, None, None, None, None, None)


def _stopwatch(pipeline: Pipeline) -> Stopwatch | None:
    is_measured = pipeline.route is not None and pipeline.route.is_measured
    return Stopwatch(pipeline.steps.members) if is_measured else None


def _referee(pipeline: Pipeline, place: tuple[str, str, str, int]) -> Referee | None:
    rivalry = pipeline.rivalry
    return None if rivalry is None else Referee(rivalry, pipeline.steps.members, place)


def _guards_in(models: Models) -> list[Guard]:
    return [guard for model in models.values() for guard in guards_of(model)]
