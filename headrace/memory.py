"""All that a fold knows: models, one set or one for each key, and what goes on beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from headrace import assembly
from headrace.assembly import Core
from headrace.errors import SnapshotError
from headrace.external.waiting import Pending
from headrace.fold_state import (
    ORDERS,
    Capture,
    Part,
    WholeCapture,
    require_parts,
    whole_state,
)
from headrace.joint_capture import Inner, JointCapture, is_joint, parted
from headrace.keyed.entry import GROUPS
from headrace.labels.waiting import Waiting
from headrace.merged_log import MergedLog, Take
from headrace.models.digest import digest
from headrace.orders import Orders
from headrace.pipeline import Pipeline
from headrace.record import Counts, Record
from headrace.roster import Roster
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.capture import begin
from headrace.witness import Witness
from schemas.log import DELETED, LogRecord
from schemas.metrics import MetricsReport


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
    roster
        The models, and who asks and teaches them.
    reader, merged, truth, referee, outside
        Event time and features, what was folded of the sources, events that wait for their label, champion
        and challengers, events that wait for answers from outside: each where the pipeline needs it.
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
        place = pipeline.name, pipeline.label, topic, partition
        self.referee = assembly.referee_of(pipeline, place)
        self.roster = Roster(
            pipeline, topic, partition, allowed=self._allowed, referee=self.referee, witness=witness
        )
        self.reader = pipeline.reader()
        self.waiting = None if pipeline.labels is None else Waiting(pipeline.labels)
        self._waits: dict[str, Waiting | Pending] = {} if self.waiting is None else {"labels": self.waiting}
        around = self.roster.team, self.reader, self.waiting, self.roster.guards, self._completed
        core = Core(pipeline, place, *around)
        self.truth = assembly.truth_of(core, self.referee, self.roster.circuits)
        self.outside = assembly.outside_of(core, self.truth)
        if self.outside is not None:
            self._waits["external"] = self.outside.pending
        self.merged = MergedLog(self._takers()) if pipeline.log_sources else None
        if self.truth is not None and self.truth.loop is not None:
            self._waits["feedback"] = self.truth.loop.waiting
        self._parts = {name: part for name, part in self._beside().items() if part is not None}
        self._expected_s: dict[str, float] = {}

    def _beside(self) -> dict[str, Part | None]:
        """Return what is written down beside the models, by name."""
        parts: dict[str, Part | None] = {"reader": self.reader, "sources": self.merged}
        if self.truth is not None:
            truth = self.truth
            parts |= {"judge": truth.judge, "asker": truth.asker, "drift": truth.sentinel}
            parts |= {"contest": self.referee, "circuits": self.roster.circuits, "feedback": truth.loop}
        return parts

    @property
    def reach(self) -> int:
        """How many snapshots a restore may need."""
        return 1 if self.roster.keyed is None and not self._waits else GROUPS + 1

    def _completed(self, report: MetricsReport) -> MetricsReport:
        """Return *report* with what the team has learned of itself."""
        contributions, route = self.roster.contributions(), self.roster.route()
        return msgspec.structs.replace(report, contributions=contributions, route=route)

    @property
    def orders(self) -> Orders:
        """What operators have said of single models."""
        return self.roster.team.orders

    def digest(self) -> str:
        """Return a fingerprint of what the results to come depend on."""
        found, states = self.roster.digests(), self._part_states()
        if self.roster.circuits is not None:  # checkpoints are bytes, and these depend on more than the state
            states["circuits"] = self.roster.circuits.digested()
        found += [(name, digest(state)) for name, state in states.items()]
        found += [(name, waiting.digest()) for name, waiting in self._waits.items()]
        return digest([self.roster.team.step, *found])

    def capture(self, next_offset: int, *, whole: bool, at_once: bool) -> Capture:
        """Begin to write down the state as it is now; see `headrace.fold.Fold.capture`."""
        step = self.roster.team.step

        def begun(name: str, state: dict[str, Any]) -> WholeCapture:
            def expect(cost_s: float) -> None:
                self._expected_s[name] = cost_s

            body = begin(state, expected_s=0.0 if at_once else self._expected_s.get(name))
            return WholeCapture(body, next_offset, step, expect)

        parts = self._part_states()
        others: dict[str, Inner] = {}
        if self.roster.keyed is None:
            some = {"parts": parts} if parts else {}
            main: Capture = begun("main", {"step": step, "models": self.roster.models, **some})
        else:
            main = self.roster.keyed.capture(next_offset, step, whole=whole)
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
        self.roster.team.step = self._take_over(states, next_offset, goes_on=True)

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
        if self._waits or (self.roster.keyed is not None and self._parts):
            joint = parted(states)
            bodies = joint["main"] if self.roster.keyed is not None else joint["main"][-1:]
            states = self._opened(bodies)
            waits = {name: joint.get(name, []) for name in self._waits}
            parts = self._opened(joint["parts"][-1:])[0] if "parts" in joint else None
        elif self.roster.keyed is not None and any(map(is_joint, states)):  # there are orders, or were
            if is_joint(states[-1]):
                parts = self._opened([states[-1]["parts"]])[0]
            states = [self._opened([s["main"]])[0] if is_joint(s) else s for s in states]
        if self.roster.keyed is not None:
            return self._take_over_keyed(states, parts or {}, next_offset, goes_on=goes_on)
        state = whole_state(states, self.roster.models)
        require_parts(state.parts, self._parts)
        members = self.roster.bound(state.models)
        if goes_on:
            for name, waiting in self._waits.items():
                waiting.restore(self._opened(waits[name]), next_offset)
            self._restore_parts(state.parts)
        self.roster.put(state.models, members)
        if self.roster.circuits is not None and not goes_on:
            self.roster.circuits.adopt(self.roster.models)
        return state.step

    def _take_over_keyed(
        self, states: Sequence[Any], parts: Mapping[str, Any], next_offset: int, *, goes_on: bool
    ) -> int:
        require_parts(parts, self._parts)
        keyed = self.roster.fresh_keyed()
        step = keyed.restore(states, next_offset, goes_on=goes_on)
        if goes_on:
            self._restore_parts(parts)
        self.roster.keyed = keyed
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
        self.roster.team.obey()
