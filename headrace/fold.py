"""The fold: the state of a pipeline's models at an offset, and the one step that moves it on.

Pure and synchronous: no Kafka, no clock, no chance. The same records give the same state and the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from headrace import failpoints, fold_faults, obeying
from headrace.dead_letters import dead_letter
from headrace.fold_state import Capture
from headrace.inside import Inside
from headrace.memory import Memory
from headrace.merged_log import LoggedEvent, MergedLog
from headrace.orders import Order
from headrace.pipeline import Pipeline
from headrace.record import Counts, Emit, Record, Tell
from headrace.snapshots.allowed import Allowed
from headrace.witness import Witness
from schemas import Prediction, Refusal, Source, result_id

STEP = "predict"
"""Name of a pipeline's only step, as result ids carry it."""

__all__ = ["Capture", "Counts", "Emit", "Fold", "Record"]

_encode = msgspec.json.Encoder().encode


class Fold(Inside):
    """The models of one pipeline on one partition.

    Parameters
    ----------
    pipeline
        The declaration; its factories build the models.
    topic, partition
        The log partition this fold belongs to.
    allowed
        Classes that models by key may be made of when they are restored; by default river's only.
    witness
        Notes what each model is asked and taught; `None`: nobody looks.

    Attributes
    ----------
    next_offset
        Offset of the next record to fold; records before it are skipped.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        topic: str,
        partition: int,
        *,
        allowed: Allowed | None = None,
        witness: Witness | None = None,
    ) -> None:
        self.pipeline = pipeline
        self.topic = topic
        self.partition = partition
        self._next_offset = 0
        super().__init__(Memory(pipeline, topic, partition, allowed, witness))
        self._parse = failpoints.wrapped("after_decode", pipeline.decoder().parse, after=True)
        self._id_prefix = fold_faults.id_prefix(
            result_id(pipeline.name, Source(topic, partition, 0), "")[:-2]
        )

    def step_chunk(  # noqa: C901, PLR0912, PLR0915 - the hot path: calls would cost more than they clear up
        self,
        records: Iterable[Record],
        emit: Emit | None = None,
        dead: Emit | None = None,
        tell: Tell | None = None,
    ) -> Counts:
        """Fold *records*, in order of offset; results go to *emit*, dead letters to *dead*, facts to *tell*.

        Each is checked, predicted, learned; only then does `next_offset` move past it. What is before
        `next_offset` was folded already and is skipped. Without *emit* and *dead* nothing is written out: the
        state is the same, in less time.
        """
        counts, n_predicted, n_evicted = Counts(), 0, self.keys_evicted
        memory, label, id_prefix = self._memory, self.pipeline.label, self._id_prefix
        parse, key_bytes = self._parse, self.pipeline.limits.key_bytes
        team, keyed, truth, merged = memory.roster.team, memory.roster.keyed, memory.truth, memory.merged
        work, is_graph = team.work, team.is_stepwise  # the same for every key: all have the same models
        read, outside = None if memory.reader is None else memory.reader.read, memory.outside
        if truth is not None:
            truth.tell = tell
        if outside is not None:
            outside.emit, outside.tell = emit, tell
        if merged is not None:
            records = self._events(merged, records, dead, counts)
        for record in records:
            offset = record.offset
            if offset < self._next_offset:
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
                    if outside is not None:
                        outside.pass_time(record, counts)
                    step = team.step
                    final, answers = work(x, y, counts, event_id if key is None else key)
                    if final is None:
                        event = event_id, x, y
                        outside.park(event, answers, record, counts)  # type: ignore[union-attr,arg-type] # it waits
                        self._next_offset = offset + 1
                        continue
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
                            None if is_graph else answers,
                            final.error,
                            None if merged is None else record.origin,  # type: ignore[attr-defined]
                            answers if is_graph else None,
                            final.by,
                        )
                        emit(made_id, key, _encode(result), record)
                    if truth is not None:
                        truth.event(record, event_id, x, y, step, final, answers, counts)
            self._next_offset = offset + 1
        counts.predicted += n_predicted
        counts.evicted = self.keys_evicted - n_evicted
        return counts

    @property
    def next_offset(self) -> int:
        """Offset of the next record to fold; records before it are skipped.

        Who sets it forward says that what is between is gone: of a merged log, the next record of each source
        is taken then whatever came before it.
        """
        return self._next_offset

    @next_offset.setter
    def next_offset(self, offset: int) -> None:
        if offset > self._next_offset and self._memory.merged is not None:
            self._memory.merged.seen.forgive()
        self._next_offset = offset

    def capture(self, *, whole: bool = False, at_once: bool = False) -> Capture:
        """Begin to write down the state as it is now.

        *whole*: so that a restore needs no snapshot before it. *at_once*: the first `advance` does the rest,
        in this process, whatever time it takes.
        """
        return self._memory.capture(self._next_offset, whole=whole, at_once=at_once)

    def restore(self, next_offset: int, states: Sequence[Any]) -> None:
        """Become the state at *next_offset* that the unpickled bodies *states*, oldest first, say.

        Raises
        ------
        SnapshotError
            If they are no state of this pipeline; this one is as before.
        """
        self._memory.restore(next_offset, states)
        self._next_offset = next_offset

    def adopt_models(self, states: Sequence[Any]) -> None:
        """Take over the models of a snapshot, as `restore` does; offset and step go on: a decision."""
        self._memory.adopt_models(self._next_offset, states)

    def require_possible(self, action: str, model: str = "", value: float | None = None) -> None:
        """Refuse what `order` could not do; nothing changes.

        Raises
        ------
        OrderError
            Saying why.
        """
        obeying.require_possible(self._memory, Order(action, model, value))

    def order(self, action: str, model: str = "", value: float | None = None) -> None:
        """Do something to one model before the next record: a decision.

        Raises
        ------
        OrderError
            If that cannot be done; nothing has changed.
        """
        obeying.carry_out(self._memory, Order(action, model, value))

    def time(self, clock: Callable[[], float] | None) -> None:
        """Measure by *clock* what is to be measured, or not; that is no part of the state."""
        self._memory.roster.time(clock)

    def late(self) -> Sequence[tuple[str, float]]:
        """Return the models that are too slow, and how many answers came late: orders to ``open`` follow."""
        return self._memory.roster.late()

    def take_costs(self) -> Sequence[tuple[str, float]]:
        """Return what steps were measured to cost, where that is news: orders named ``cost`` follow."""
        return self._memory.roster.take_costs()

    def _events(
        self, merged: MergedLog, records: Iterable[Record], dead: Emit | None, counts: Counts
    ) -> Iterator[LoggedEvent]:
        def refuse(record: Record, value: bytes, refusal: Refusal) -> None:
            self._refuse(record, value, refusal, dead, counts)

        return merged.events(records, self._next_offset, counts, refuse, self._passed)

    def _passed(self, next_offset: int) -> None:
        self._next_offset = next_offset

    def _refuse(
        self, record: Record, value: bytes, refusal: Refusal, dead: Emit | None, counts: Counts
    ) -> None:
        counts.dead[refusal.reason] = counts.dead.get(refusal.reason, 0) + 1
        if self.judge is not None:
            self.judge.n_dead += 1
        if dead is None or fold_faults.is_dropped(refusal.reason):
            return
        key = record.key
        if key is not None and len(key) > self.pipeline.limits.key_bytes:
            key = None
        # What intake has taken in is sent back to its own topic: the log would take it for a copy.
        source = Source(self.topic, self.partition, record.offset)
        if isinstance(record, LoggedEvent):
            source = record.origin
        letter = dead_letter(self.pipeline, source, (key, value, record.timestamp), refusal)
        dead(letter.id, key, _encode(letter), record)


def _refuse_key(key: bytes, limit: int) -> None:
    raise Refusal("key", f"expected a key of at most {limit} bytes, got {len(key)}")
