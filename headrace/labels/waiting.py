"""Events that wait for their label: the label finds its event, and each ends in exactly one state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from headrace.labels.capture import LabelsCapture
from headrace.labels.declaration import Labels
from headrace.labels.delays import Delays
from headrace.labels.outcomes import At, EventId, Outcome, Waiter, duplicate_event, is_same
from headrace.labels.packing import (
    EVENT,
    ORPHAN,
    SETTLED,
    Settled,
    encode,
    head_of,
    orphan_of,
    settled_of,
)
from headrace.labels.queue import Oldest, group_of
from headrace.labels.store import Store
from schemas.results import Label

_INFINITE_S = float("inf")
_NONE: tuple[Outcome, ...] = ()


class Waiting:
    """What waits for a label on one partition, what came too early, and what is settled.

    All follows from the calls alone. For each record of the log, in this order: `expire` with the log's time,
    whose outcomes are taken to the end; then `add`, `label` or `invalid`. Times are in seconds since 1970.

    Parameters
    ----------
    labels
        The declaration, as `headrace.labels.declaration.check_labels` completed it.
    """

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self._relearns = labels.corrections == "relearn"
        self._taught = labels.taught
        self._most, self._most_bytes = labels.max_waiting, labels.max_bytes
        self._due_s = _INFINITE_S  # nothing is over before
        self._store = Store(labels.stated, labels.max_waiting)

    @property
    def pending(self) -> int:
        """How many events wait."""
        return self._store.queues[EVENT].n

    @property
    def orphans(self) -> int:
        """How many labels are kept whose event has not come."""
        return self._store.queues[ORPHAN].n

    @property
    def settled(self) -> int:
        """How many events are remembered that have their label, or have expired."""
        return self._store.queues[SETTLED].n

    @property
    def size_bytes(self) -> int:
        """What all of these take in memory, about."""
        return sum(queue.size_bytes for queue in self._store.queues)

    @property
    def counts(self) -> dict[str, int]:
        """How many labels and events came to each state.

        Besides: ``evicted``, how many of them gave way to a bound, and ``forgotten``, how many settled events
        did.
        """
        return dict(self._store.counts)

    @property
    def delays(self) -> Delays:
        """Of the joined labels, since the log began."""
        return self._store.delays

    def delay_s(self, q: float) -> float | None:
        """Return the delay that a share *q* of the joined labels did not exceed, right to 6 %."""
        return self._store.delays.quantile(q)

    def add(self, event_id: EventId, waiter: Waiter, event_s: float) -> Sequence[Outcome]:
        """Let an event wait that was answered just now, and was not learned; *event_s* is its time.

        If its label is there already, it is joined at once.
        """
        store, group = self._store, group_of(event_id)
        events, orphans, settled = store.queues
        at = At(group, event_id, event_s, waiter.offset)
        if event_id in events.groups[group]:
            return self._said(duplicate_event(at, "event_waits"))
        if (known := settled.groups[group].get(event_id)) is not None:
            if not settled_of(known).is_expired:
                return self._said(duplicate_event(at, "event_settled"))
            settled.take(group, event_id)
        if (early := orphans.take(group, event_id)) is not None:
            orphan = orphan_of(early)
            label_at = At(group, event_id, orphan.event_s, orphan.offset, orphan.weight)
            return self._join(at, label_at, orphan.label, waiter, None)
        number, since_s = self._place(event_s)
        events.put(group, event_id, store.packer.pack(waiter, number, since_s, event_s))
        return self._bounded()

    def label(
        self, event_id: EventId, value: Label, offset: int, event_s: float, weight: float = 1.0
    ) -> Sequence[Outcome]:
        """Let the valid label *value*, at *offset* in the log and of time *event_s*, find its event."""
        store, group = self._store, group_of(event_id)
        events, _, settled = store.queues
        at = At(group, event_id, event_s, offset, weight)
        blob = events.take(group, event_id)
        if blob is not None:
            waiter = store.packer.unpack(blob)
            event_at = At(group, event_id, head_of(blob).event_s, waiter.offset)
            return self._join(event_at, at, value, waiter, blob)
        if (known := settled.groups[group].get(event_id)) is not None:
            return self._again(at, value, settled_of(known))
        return self._keep(at, value)

    def invalid(self, event_id: EventId | None, offset: int, reason: str) -> Sequence[Outcome]:
        """Report a label that is none; an event that waits for *event_id* goes on waiting."""
        return self._said(Outcome("invalid", event_id, None, offset, reason=reason))

    def expire(self, watermark_s: float) -> Iterable[Outcome]:
        """Let the log's time be *watermark_s*, if it is not later already; yield what ends with that.

        The outcomes come in order of arrival, and are to be taken to the end before any other call.
        """
        store = self._store
        if watermark_s <= store.now_s:
            return _NONE
        store.now_s = watermark_s
        return self._expired() if watermark_s > self._due_s else _NONE

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
            If they are no state of labels declared like these; this one is as before.
        """
        store = Store(self.labels.stated, self.labels.max_waiting)
        step = store.restore(states, next_offset)
        self._store = store
        self._due_s = -_INFINITE_S  # to be found when the time goes on
        return step

    def _join(
        self, event: At, label: At, value: Label, waiter: Waiter, packed: bytes | None
    ) -> Sequence[Outcome]:
        """Report that label and event have met; *packed* is the event if it was there first."""
        store, delay_s = self._store, label.event_s - event.event_s
        store.delays.add(delay_s)
        outcome = Outcome("joined", event.event_id, value, label.offset, event.offset, delay_s, waiter)
        outcome.weight = label.weight
        if packed is None:
            outcome.reason = "label_first"
        kept = None
        if self._relearns:
            kept = packed or store.packer.pack(waiter, store.number, store.now_s, event.event_s)
        self._settle(event, value, kept, is_expired=False)
        return self._said(outcome)

    def _again(self, at: At, value: Label, known: Settled) -> Sequence[Outcome]:
        """Take the label of an event that is settled."""
        repeats = is_same(known.label, value)
        outcome = Outcome("duplicate", at.event_id, value, at.offset, known.offset, conflicts=not repeats)
        if known.event is not None and not repeats:
            outcome.state, outcome.delay_s, outcome.weight = (
                "corrected",
                at.event_s - known.event_s,
                at.weight,
            )
            outcome.waiter = self._store.packer.unpack(known.event)
            self._store.queues[SETTLED].take(at.group, at.event_id)
            event = At(at.group, at.event_id, known.event_s, known.offset)
            self._settle(event, value, known.event, is_expired=False)
        elif known.is_expired:
            outcome.state, outcome.reason = "orphan_expired", "event_expired"
            outcome.conflicts = known.label is not None and not repeats
        return self._said(outcome)

    def _keep(self, at: At, value: Label) -> Sequence[Outcome]:
        """Keep a label that came before its event; a second one is told from the first."""
        group, event_id, orphans = at.group, at.event_id, self._store.queues[ORPHAN]
        said = [Outcome("orphan_kept", event_id, value, at.offset)]
        if (blob := orphans.groups[group].get(event_id)) is not None:
            first = orphan_of(blob)
            repeats = is_same(first.label, value)
            if repeats or not self._relearns:
                return self._said(Outcome("duplicate", event_id, value, at.offset, conflicts=not repeats))
            orphans.take(group, event_id)
            said.insert(0, Outcome("corrected", event_id, first.label, first.offset, reason="replaced"))
        number, since_s = self._place(at.event_s)
        orphans.put(
            group, event_id, encode((ORPHAN, number, since_s, at.event_s, at.offset, value, at.weight))
        )
        return self._said(*said)

    def _settle(self, event: At, value: Label | None, kept: bytes | None, *, is_expired: bool) -> None:
        """Remember what became of *event*, which is *kept* if it may be learned once more."""
        number, since_s = self._place(event.event_s)
        fields = (SETTLED, number, since_s, event.event_s, event.offset, is_expired, value, kept)
        self._store.queues[SETTLED].put(event.group, event.event_id, encode(fields))

    def _place(self, event_s: float) -> tuple[int, float]:
        """Return the number of the next entry and the log's time; before that is known, that of the event."""
        store = self._store
        number, since_s = store.number, store.now_s
        store.number = number + 1
        if since_s == -_INFINITE_S:
            since_s = event_s
        if self._due_s == _INFINITE_S:
            self._due_s = since_s + self.labels.wait_s
        return number, since_s

    def _said(self, *outcomes: Outcome) -> Sequence[Outcome]:
        """Count *outcomes* and return them, and after them what gives way to the bounds."""
        counts = self._store.counts
        for outcome in outcomes:
            counts[outcome.state] += 1
        evicted = self._bounded()
        return [*outcomes, *evicted] if evicted else outcomes

    def _bounded(self) -> Sequence[Outcome]:
        """Let the oldest give way until all bounds are kept."""
        store, most, most_bytes = self._store, self._most, self._most_bytes
        events, orphans, settled = store.queues
        size_bytes = events.size_bytes + orphans.size_bytes + settled.size_bytes
        if events.n <= most and orphans.n <= most and settled.n <= most and size_bytes <= most_bytes:
            return _NONE  # the same as `Store.surplus` says, without a call
        said: list[Outcome] = []
        while (first := store.surplus(most, most_bytes)) is not None:
            said += self._end(first, "evicted")
        return said

    def _expired(self) -> Iterator[Outcome]:
        """Yield what has waited for too long, in order of arrival."""
        store, wait_s, settled = self._store, self.labels.wait_s, self._store.queues[SETTLED]
        while (first := store.oldest()) is not None:
            _, group, event_id, _, head = first
            if head.since_s + wait_s >= store.now_s:
                self._due_s = head.since_s + wait_s
                return
            if head.kind == SETTLED:
                settled.take(group, event_id)
            else:
                yield from self._end(first, None)
        self._due_s = _INFINITE_S

    def _end(self, first: Oldest, reason: str | None) -> Sequence[Outcome]:
        """End what came *first*: its time is over, or it gives way if a *reason* is given."""
        store, (_, group, event_id, blob, head) = self._store, first
        store.queues[head.kind].take(group, event_id)
        if reason is not None:
            store.counts["forgotten" if head.kind == SETTLED else "evicted"] += 1
        if head.kind == SETTLED:
            return _NONE
        if head.kind == ORPHAN:
            outcome = Outcome("orphan_expired", event_id, orphan_of(blob).label, head.offset)
            outcome.reason = reason or "no_event"
        else:
            outcome = Outcome("expired", event_id, None, head.offset, head.offset)
            outcome.reason = reason or "no_label"
            kept = None
            if reason is None and self._taught is not None:
                outcome.label, outcome.waiter = self._taught, store.packer.unpack(blob)
                kept = blob if self._relearns else None
            event = At(group, event_id, head.event_s, head.offset)
            self._settle(event, outcome.label, kept, is_expired=True)
        if reason is not None:
            store.counts[outcome.state] += 1
            return (outcome,)
        return self._said(outcome)
