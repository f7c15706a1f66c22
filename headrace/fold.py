"""The fold: the state of a pipeline's models at an offset, and the one step that moves it on.

Pure and synchronous: no Kafka, no clock, no chance. The same records give the same state and the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from headrace import failpoints, fold_faults
from headrace.dead_letters import dead_letter
from headrace.errors import SnapshotError
from headrace.event_time import EventClock
from headrace.fold_state import Capture, Part, WholeCapture, checked_models, require_parts, whole_state
from headrace.joint_capture import JointCapture, parted
from headrace.keyed.entry import GROUPS, Making, Members, Models
from headrace.keyed.models import KeyedModels
from headrace.models.digest import digest
from headrace.models.verbs import binding_of, needs_label
from headrace.pipeline import Pipeline
from headrace.record import Counts, Emit, Record
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.capture import begin
from headrace.team import Team
from schemas import Prediction, Refusal, Source, result_id

STEP = "predict"
"""Name of a pipeline's only step, as result ids carry it."""

__all__ = ["Capture", "Counts", "Emit", "Fold", "Record"]

_encode = msgspec.json.Encoder().encode


class Fold:
    """The models of one pipeline on one partition.

    Parameters
    ----------
    pipeline
        The declaration; its factories build the models.
    topic, partition
        The log partition this fold belongs to.
    allowed
        Classes that models by key may be made of when they are restored; by default river's only.

    Attributes
    ----------
    next_offset
        Offset of the next record to fold; records before it are skipped.
    models
        The models by name; with ``scope="key"`` such as a new key gets.

    """

    def __init__(
        self,
        pipeline: Pipeline,
        topic: str,
        partition: int,
        *,
        allowed: Allowed | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.topic = topic
        self.partition = partition
        self.next_offset = 0
        self.models = fold_faults.seeded_as_asked(pipeline.fresh_models())
        self._bindings = {name: binding_of(model, pipeline.task) for name, model in self.models.items()}
        is_supervised = any(needs_label(model) for model in self.models.values())
        self._team = Team(pipeline.combine, is_supervised=is_supervised)
        self._team.select(self._bound(self.models))
        self._allowed = allowed
        self._keyed = self._new_keyed() if pipeline.scope == "key" else None
        self._reader = pipeline.reader()
        self._parts: dict[str, Part] = {} if self._reader is None else {"reader": self._reader}
        self._expected_s: float | None = None
        self._parts_expected_s: float | None = None
        self._parse = failpoints.wrapped("after_decode", pipeline.decoder().parse, after=True)
        self._id_prefix = fold_faults.id_prefix(
            result_id(pipeline.name, Source(topic, partition, 0), "")[:-2]
        )

    def step_chunk(  # noqa: C901, PLR0912, PLR0915 - the hot path: calls would cost more than they clear up
        self, records: Iterable[Record], emit: Emit | None = None, dead: Emit | None = None
    ) -> Counts:
        """Fold *records*, in order of offset, and hand each result to *emit*, each dead letter to *dead*.

        Each is checked, predicted, learned; only then does `next_offset` move past it. What is before
        `next_offset` was folded already and is skipped. Without *emit* and *dead* nothing is written out: the
        state is the same, in less time.
        """
        counts, n_predicted, n_evicted = Counts(), 0, self.keys_evicted
        parse, label, id_prefix, keyed = self._parse, self.pipeline.label, self._id_prefix, self._keyed
        key_bytes = self.pipeline.limits.key_bytes
        team = self._team
        work = team.work  # the same for every key: they have models of the same names
        read = None if self._reader is None else self._reader.read
        for record in records:
            offset = record.offset
            if offset < self.next_offset:
                continue
            value = record.value
            if value is None:
                counts.filtered += 1
            else:
                key = record.key
                try:
                    if key is not None and len(key) > key_bytes:
                        _refuse_key(key, key_bytes)
                    event_id, x, y = parse(value)
                    if read is not None:
                        x = read(x, record.timestamp)
                    if keyed is not None:
                        team.select(keyed.use(key, offset))
                except Refusal as refusal:
                    self._refuse(record, value, refusal, dead, counts)
                else:
                    step = team.step
                    final, models = work(x, y, counts)
                    n_predicted += 1
                    if emit is not None:
                        made_id = f"{id_prefix}{offset}/{STEP}"
                        result = Prediction(
                            made_id,
                            event_id,
                            label,
                            step,
                            Source(self.topic, self.partition, offset),
                            final.prediction,
                            final.probability,
                            final.score,
                            models,
                            final.error,
                        )
                        emit(made_id, key, _encode(result), record)
            self.next_offset = offset + 1
        counts.predicted, counts.evicted = n_predicted, self.keys_evicted - n_evicted
        return counts

    def digest(self) -> str:
        """Return a fingerprint of what the results to come depend on: step, models, keys in order of use."""
        parts = [(name, digest(part.state())) for name, part in self._parts.items()]
        if self._keyed is not None:
            return digest([self.step, *self._keyed.digests(), *parts])
        models = [(name, digest(model)) for name, model in self.models.items()]
        return digest([self.step, *models, *parts])

    @property
    def step(self) -> int:
        """Number of events learned so far."""
        return self._team.step

    @step.setter
    def step(self, step: int) -> None:
        self._team.step = step

    @property
    def clock(self) -> EventClock | None:
        """The log's event time, where the pipeline has one."""
        return None if self._reader is None else self._reader.clock

    @property
    def reach(self) -> int:
        """How many snapshots a restore may need."""
        return 1 if self._keyed is None else GROUPS + 1

    @property
    def keys_held(self) -> int | None:
        """How many keys have models, ``None`` with ``scope="partition"``."""
        return None if self._keyed is None else len(self._keyed)

    @property
    def keys_evicted(self) -> int:
        """How many keys gave way to others since the models were made or restored."""
        return 0 if self._keyed is None else self._keyed.evicted

    def capture(self, *, whole: bool = False, at_once: bool = False) -> Capture:
        """Begin to write down the state as it is now.

        *whole*: so that a restore needs no snapshot before it. *at_once*: the first `advance` does the rest,
        in this process, whatever time it takes.
        """
        parts = {name: part.state() for name, part in self._parts.items()}
        if self._keyed is None:
            state = {"step": self.step, "models": self.models} | ({"parts": parts} if parts else {})
            body = begin(state, expected_s=0.0 if at_once else self._expected_s)
            return WholeCapture(body, self.next_offset, self.step, self._expect)
        keyed = self._keyed.capture(self.next_offset, self.step, whole=whole)
        if not parts:
            return keyed
        body = begin(parts, expected_s=0.0 if at_once else self._parts_expected_s)
        beside = WholeCapture(body, self.next_offset, self.step, self._expect_parts)
        return JointCapture(keyed, {"parts": beside})

    def restore(self, next_offset: int, states: Sequence[Any]) -> None:
        """Become the state at *next_offset* that the unpickled bodies *states*, oldest first, say.

        Raises
        ------
        SnapshotError
            If they are no state of this pipeline; this one is as before.
        """
        self.step = self._take_over(states, next_offset, goes_on=True)
        self.next_offset = next_offset

    def adopt_models(self, states: Sequence[Any]) -> None:
        """Take over the models of a snapshot, as `restore` does; offset and step go on: a decision."""
        self._take_over(states, self.next_offset, goes_on=False)

    def _take_over(self, states: Sequence[Any], next_offset: int, *, goes_on: bool) -> int:
        """Replace the models, or raise and leave them; return the step of the snapshot."""
        if not states:
            raise SnapshotError("state", "there is no snapshot to take models from")
        if self._keyed is not None:
            return self._take_over_keyed(states, next_offset, goes_on=goes_on)
        state = whole_state(states, self.models)
        require_parts(state.parts, self._parts)
        members = self._bound(state.models)
        if goes_on:
            self._restore_parts(state.parts)
        self._team.select(members)
        self.models = state.models
        return state.step

    def _take_over_keyed(self, states: Sequence[Any], next_offset: int, *, goes_on: bool) -> int:
        parts: Any = {}
        if self._parts:
            joint = parted(states, self._allowed or Allowed())
            states, parts = joint["main"], joint.get("parts", [{}])[-1]
        require_parts(parts, self._parts)
        keyed = self._new_keyed()
        step = keyed.restore(states, next_offset, goes_on=goes_on)
        if goes_on:
            self._restore_parts(parts)
        self._keyed = keyed
        return step

    def _restore_parts(self, states: Mapping[str, Any]) -> None:
        for name, part in self._parts.items():
            part.restore(states[name])

    def _new_keyed(self) -> KeyedModels:
        allowed = self._allowed or Allowed()

        def read(blob: bytes) -> Models:
            return checked_models(pickling.unpickled(blob, allowed), self.models)

        return KeyedModels(Making(self.pipeline.fresh_models, self._bound, read), self.pipeline.max_keys)

    def _bound(self, models: Models) -> Members:
        members = [(name, bind(models[name])) for name, bind in self._bindings.items()]
        return fold_faults.with_faults(members)

    def _expect(self, cost_s: float) -> None:
        self._expected_s = cost_s

    def _expect_parts(self, cost_s: float) -> None:
        self._parts_expected_s = cost_s

    def _refuse(
        self, record: Record, value: bytes, refusal: Refusal, dead: Emit | None, counts: Counts
    ) -> None:
        counts.dead[refusal.reason] = counts.dead.get(refusal.reason, 0) + 1
        if dead is None or fold_faults.is_dropped(refusal.reason):
            return
        key = record.key
        if key is not None and len(key) > self.pipeline.limits.key_bytes:
            key = None
        source = Source(self.topic, self.partition, record.offset)
        letter = dead_letter(self.pipeline, source, (key, value, record.timestamp), refusal)
        dead(letter.id, key, _encode(letter), record)


def _refuse_key(key: bytes, limit: int) -> None:
    raise Refusal("key", f"expected a key of at most {limit} bytes, got {len(key)}")
