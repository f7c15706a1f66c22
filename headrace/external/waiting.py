"""Events that wait for answers from outside: each answer and each task ends in exactly one state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import Any

from headrace.external.outcomes import STATES, Errand, Outcome, Parked, Reply, State
from headrace.external.packing import Entry, done_of, entry_of, packed, packed_done
from headrace.labels.capture import LabelsCapture
from headrace.labels.outcomes import EventId
from headrace.labels.packing import EVENT, SETTLED, encode
from headrace.labels.queue import group_of
from headrace.labels.store import Store
from headrace.steps.external import External

_INFINITE_S = float("inf")
_SLACK = 1_024
_OF = "external steps"


class Pending:
    """What waits on one partition for answers from outside.

    All follows from the calls alone. Each call returns what ends with it, in order; an event that can go on
    comes with the outcome that lets it, and is handed to `settle` when it is done, or to `park` again. Times
    are in seconds since 1970.

    Parameters
    ----------
    steps
        The external steps of a pipeline, by name.
    """

    def __init__(self, steps: Mapping[str, External]) -> None:
        self._steps = steps
        self._most = max(step.max_waiting for step in steps.values())
        self._most_bytes = max(step.max_bytes for step in steps.values())
        self._declared = "; ".join(f"{name}: {step.stated}" for name, step in steps.items())
        self._store = self._fresh()
        # Both follow from the entries: deadlines, and which of them still count.
        self._due: list[tuple[float, int, str]] = []
        self._open: dict[tuple[int, str], EventId] = {}

    @property
    def pending(self) -> int:
        """How many events wait."""
        return self._store.queues[EVENT].n

    @property
    def settled(self) -> int:
        """How many events are remembered that are done."""
        return self._store.queues[SETTLED].n

    @property
    def size_bytes(self) -> int:
        """What all of these take in memory, about."""
        return sum(queue.size_bytes for queue in self._store.queues)

    @property
    def counts(self) -> dict[str, int]:
        """How many answers and tasks came to each state, and how many settled events are ``forgotten``."""
        return dict(self._store.counts)

    def waits(self, event_id: EventId) -> bool:
        """Return whether an event of this id waits: no other can until it is done."""
        return event_id in self._store.queues[EVENT].groups[group_of(event_id)]

    def due_s(self, step: str, event_s: float) -> float:
        """Return the deadline of a task of *step* that is given now for an event of *event_s*."""
        return self._since_s(event_s) + self._steps[step].wait_s

    def park(self, parked: Parked, steps: Sequence[str]) -> Sequence[Outcome]:
        """Let an event wait for *steps*, whose tasks are given now; none of its id `waits`."""
        store, event_id, group = self._store, parked.event_id, group_of(parked.event_id)
        store.queues[SETTLED].take(group, event_id)  # an earlier event of the same id: a new one counts
        errands = [Errand(step, self.due_s(step, parked.event_s)) for step in steps]
        parked.errands = [*parked.errands, *errands]
        number, since_s = self._place(parked.event_s)
        store.queues[EVENT].put(group, event_id, packed(parked, store.packer, number, since_s))
        for errand in errands:
            self._watch(errand, parked.offset, event_id)
        return self._bounded()

    def settle(self, parked: Parked) -> Sequence[Outcome]:
        """Remember an event that is done."""
        store, event_id = self._store, parked.event_id
        number, since_s = self._place(parked.event_s)
        store.queues[SETTLED].put(group_of(event_id), event_id, packed_done(parked, number, since_s))
        return self._bounded()

    def reply(
        self, step: str, event_id: EventId, reply: Reply, offset: int, event_offset: int | None = None
    ) -> Sequence[Outcome]:
        """Take in a valid *reply* at *offset* of the log.

        *event_offset* is that of the event it says it is for, ``None`` if it names the id alone.
        """
        store, group = self._store, group_of(event_id)
        outcome = Outcome("unknown", step, event_id, offset, worker=reply.worker)
        if (blob := store.queues[EVENT].groups[group].get(event_id)) is not None:
            entry = entry_of(blob)
            found, errands = entry.offset, entry.errands
        elif (blob := store.queues[SETTLED].groups[group].get(event_id)) is not None:
            done, entry = done_of(blob), None
            found, errands = done.offset, done.errands
        else:
            return self._said(outcome)
        errand = next((errand for errand in errands if errand.step == step), None)
        if errand is None:
            return self._said(outcome)
        outcome.event_offset = found
        if event_offset not in (None, found):
            outcome.state, outcome.reason = "late", "other_task"
        elif (first := errand.of(reply.worker)) is not None:
            outcome.state, outcome.conflicts = "duplicate", encode(first) != encode(reply)
        elif errand.ended is not None or entry is None:
            outcome.state, outcome.reason = "late", errand.ended
        else:
            outcome.state = "taken"
            errand.replies.append(reply)
            return self._said(outcome, *self._taken(entry, errand, event_id, offset))
        return self._said(outcome)

    def invalid(self, step: str, event_id: EventId | None, offset: int, reason: str) -> Sequence[Outcome]:
        """Report an answer that is none; an event that waits for it goes on waiting."""
        return self._said(Outcome("invalid", step, event_id, offset, reason=reason))

    def refuse(self, step: str, event_id: EventId, offset: int, reason: str) -> Sequence[Outcome]:
        """Report a task that cannot be given."""
        return self._said(Outcome("failed", step, event_id, offset, offset, reason=reason))

    def expire(self, watermark_s: float) -> Iterator[Outcome]:
        """Let the log's time be *watermark_s*, if it is not later already; yield what ends with that.

        The outcomes come in order of their deadlines, and are to be taken to the end before any event comes.
        """
        store = self._store
        store.now_s = max(store.now_s, watermark_s)
        while self._due and self._due[0][0] < store.now_s:
            _, offset, step = heappop(self._due)
            event_id = self._open.get((offset, step))
            if event_id is not None:
                entry = entry_of(store.queues[EVENT].groups[group_of(event_id)][event_id])
                errand = next(errand for errand in entry.errands if errand.step == step)
                yield from self._said(self._end(entry, errand, event_id, "expired", offset))

    def digest(self) -> str:
        """Return a fingerprint of all that the outcomes to come depend on."""
        return self._store.digest()

    def capture(self, next_offset: int, step: int, *, whole: bool = False) -> LabelsCapture:
        """Begin to write down the state as it is now; see `headrace.fold_state.Capture`."""
        return self._store.capture(next_offset, step, whole=whole)

    def restore(self, states: Sequence[Any], next_offset: int) -> int:
        """Become what the unpickled bodies *states*, oldest first, say; return the step of the last.

        Raises
        ------
        SnapshotError
            If they are no state of external steps declared like these; this one is as before.
        """
        store = self._fresh()
        step = store.restore(states, next_offset)
        self._store = store
        self._due, self._open = [], {}
        for group in store.queues[EVENT].groups:
            for event_id, blob in group.items():
                entry = entry_of(blob)
                for errand in entry.errands:
                    if errand.ended is None:
                        self._watch(errand, entry.offset, event_id)
        return step

    def _fresh(self) -> Store:
        return Store(self._declared, self._most, (_OF, STATES))

    def _taken(self, entry: Entry, errand: Errand, event_id: EventId, offset: int) -> Sequence[Outcome]:
        """Take in that *errand* has one reply more."""
        step = self._steps[errand.step]
        n_failed = sum(reply.error is not None for reply in errand.replies)
        if len(errand.replies) - n_failed >= step.quorum:
            return [self._end(entry, errand, event_id, "answered", offset)]
        if step.workers - n_failed < step.quorum:
            return [self._end(entry, errand, event_id, "failed", offset)]
        self._store.queues[EVENT].replace(group_of(event_id), event_id, encode(entry))
        return ()

    def _end(self, entry: Entry, errand: Errand, event_id: EventId, state: State, offset: int) -> Outcome:
        """End *errand*, and what the event waits for if it was the last."""
        errand.ended = state
        del self._open[entry.offset, errand.step]
        outcome = Outcome(state, errand.step, event_id, offset, entry.offset)
        queue, group = self._store.queues[EVENT], group_of(event_id)
        if all(each.ended is not None for each in entry.errands):
            queue.take(group, event_id)
            outcome.parked = entry.parked(event_id, self._store.packer)
        else:
            queue.replace(group, event_id, encode(entry))
        return outcome

    def _watch(self, errand: Errand, offset: int, event_id: EventId) -> None:
        """Note the deadline of *errand*."""
        self._open[offset, errand.step] = event_id
        heappush(self._due, (errand.due_s, offset, errand.step))
        if len(self._due) > 2 * len(self._open) + _SLACK:
            self._due = [due for due in self._due if due[1:] in self._open]
            heapify(self._due)

    def _since_s(self, event_s: float) -> float:
        """Return the log's time; before that is known, that of the event."""
        now_s = self._store.now_s
        return event_s if now_s == -_INFINITE_S else now_s

    def _place(self, event_s: float) -> tuple[int, float]:
        """Return the number of the next entry, and when it began."""
        store = self._store
        number, store.number = store.number, store.number + 1
        return number, self._since_s(event_s)

    def _said(self, *outcomes: Outcome) -> Sequence[Outcome]:
        """Count *outcomes* and return them, and after them what gives way to the bounds."""
        for outcome in outcomes:
            self._store.counts[outcome.state] += 1
        return [*outcomes, *self._bounded()]

    def _bounded(self) -> Sequence[Outcome]:
        """Let the oldest give way until all bounds are kept."""
        store = self._store
        said: list[Outcome] = []
        while (first := store.surplus(self._most, self._most_bytes)) is not None:
            _, group, event_id, blob, head = first
            if head.kind == SETTLED:
                store.queues[SETTLED].take(group, event_id)
                store.counts["forgotten"] += 1
                continue
            entry = entry_of(blob)
            for errand in entry.errands:
                if errand.ended is None:
                    said.append(self._end(entry, errand, event_id, "evicted", entry.offset))
                    store.counts["evicted"] += 1
        return said
