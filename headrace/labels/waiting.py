"""Events that wait for their label: the label finds its event, and each ends in exactly one state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from headrace.labels.capture import LabelsCapture
from headrace.labels.declaration import Labels
from headrace.labels.outcomes import EventId, Outcome, Waiter
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


class _At(NamedTuple):
    """Where an event stands, or a label of it."""

    group: int
    event_id: EventId
    event_s: float
    offset: int


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
        self._due_s = _INFINITE_S
        self._store = Store(_declared(labels), labels.max_waiting)

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
        return self._store.size_bytes

    @property
    def counts(self) -> dict[str, int]:
        """How many labels and events came to each state.

        Besides: ``evicted``, how many of them gave way to a bound, and ``forgotten``, how many settled events
        did.
        """
        return dict(self._store.counts)

    def delay_s(self, q: float) -> float | None:
        """Return the delay that a share *q* of the joined labels did not exceed, right to 6 %."""
        return self._store.delays.quantile(q)

    def add(self, event_id: EventId, waiter: Waiter, event_s: float) -> Sequence[Outcome]:
        """Let an event wait that was answered just now, and was not learned; *event_s* is its time.

        If its label is there already, it is joined at once.
        """
        store, group = self._store, group_of(event_id)
        at = _At(group, event_id, event_s, waiter.offset)
        if store.get(EVENT, group, event_id) is not None:
            return self._said(_duplicate_event(at, "event_waits"))
        if store.queues[SETTLED].n and (known := store.get(SETTLED, group, event_id)) is not None:
            if not settled_of(known).is_expired:
                return self._said(_duplicate_event(at, "event_settled"))
            store.take(SETTLED, group, event_id)
        if store.queues[ORPHAN].n and (early := store.take(ORPHAN, group, event_id)) is not None:
            orphan = orphan_of(early)
            label_at = _At(group, event_id, orphan.event_s, orphan.offset)
            return self._join(at, label_at, orphan.label, waiter, None)
        self._put(EVENT, at, store.packer.pack(waiter, store.number, self._since_s(event_s), event_s))
        return self._bounded()

    def label(self, event_id: EventId, value: Label, offset: int, event_s: float) -> Sequence[Outcome]:
        """Let the valid label *value*, at *offset* in the log and of time *event_s*, find its event."""
        store, group = self._store, group_of(event_id)
        at = _At(group, event_id, event_s, offset)
        blob = store.take(EVENT, group, event_id)
        if blob is not None:
            head = head_of(blob)
            event_at = _At(group, event_id, head.event_s, head.offset)
            return self._join(event_at, at, value, store.packer.unpack(blob), blob)
        if (known := store.get(SETTLED, group, event_id)) is not None:
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
        store = Store(_declared(self.labels), self.labels.max_waiting)
        step = store.restore(states, next_offset)
        self._store = store
        self._find_due()
        return step

    def _join(
        self, event: _At, label: _At, value: Label, waiter: Waiter, packed: bytes | None
    ) -> Sequence[Outcome]:
        """Report that label and event have met; *packed* is the event if it was there first."""
        store, delay_s = self._store, label.event_s - event.event_s
        store.delays.add(delay_s)
        outcome = Outcome("joined", event.event_id, value, label.offset, event.offset, delay_s, waiter)
        if packed is None:
            outcome.reason = "label_first"
        kept = None
        if self._relearns:
            kept = packed or store.packer.pack(waiter, store.number, store.now_s, event.event_s)
        self._settle(event, value, kept, is_expired=False)
        return [*self._said(outcome), *self._bounded()]

    def _again(self, at: _At, value: Label, known: Settled) -> Sequence[Outcome]:
        """Take the label of an event that is settled."""
        is_same = _is_same(known.label, value)
        outcome = Outcome("duplicate", at.event_id, value, at.offset, known.offset, conflicts=not is_same)
        if known.event is not None and not is_same:
            outcome.state, outcome.delay_s = "corrected", at.event_s - known.event_s
            outcome.waiter = self._store.packer.unpack(known.event)
            self._store.take(SETTLED, at.group, at.event_id)
            event = _At(at.group, at.event_id, known.event_s, known.offset)
            self._settle(event, value, known.event, is_expired=False)
        elif known.is_expired:
            outcome.state, outcome.reason = "orphan_expired", "event_expired"
            outcome.conflicts = known.label is not None and not is_same
        return [*self._said(outcome), *self._bounded()]

    def _keep(self, at: _At, value: Label) -> Sequence[Outcome]:
        """Keep a label that came before its event; a second one is told from the first."""
        store, group, event_id = self._store, at.group, at.event_id
        said = [Outcome("orphan_kept", event_id, value, at.offset)]
        if (blob := store.get(ORPHAN, group, event_id)) is not None:
            first = orphan_of(blob)
            is_same = _is_same(first.label, value)
            if is_same or not self._relearns:
                return self._said(Outcome("duplicate", event_id, value, at.offset, conflicts=not is_same))
            store.take(ORPHAN, group, event_id)
            said.insert(0, Outcome("corrected", event_id, first.label, first.offset, reason="replaced"))
        since_s = self._since_s(at.event_s)
        self._put(ORPHAN, at, encode((ORPHAN, store.number, since_s, at.event_s, at.offset, value)))
        return [*self._said(*said), *self._bounded()]

    def _settle(self, event: _At, value: Label | None, kept: bytes | None, *, is_expired: bool) -> None:
        """Remember what became of *event*, which is *kept* if it may be learned once more."""
        since_s = self._since_s(event.event_s)
        head = (SETTLED, self._store.number, since_s, event.event_s, event.offset)
        self._put(SETTLED, event, encode((*head, is_expired, value, kept)))

    def _put(self, kind: int, at: _At, blob: bytes) -> None:
        self._store.put(kind, at.group, at.event_id, blob)
        if self._due_s == _INFINITE_S:
            self._find_due()

    def _since_s(self, event_s: float) -> float:
        """Return the log's time; before it is known, that of the event."""
        now_s = self._store.now_s
        return event_s if now_s == -_INFINITE_S else now_s

    def _bounded(self) -> Sequence[Outcome]:
        """Let the oldest give way until all bounds are kept."""
        store, most, most_bytes = self._store, self.labels.max_waiting, self.labels.max_bytes
        first = store.surplus(most, most_bytes)
        if first is None:
            return _NONE
        said: list[Outcome] = []
        while first is not None:
            said += self._end(first, "evicted")
            first = store.surplus(most, most_bytes)
        return said

    def _expired(self) -> Iterator[Outcome]:
        store, wait_s = self._store, self.labels.wait_s
        while (first := store.oldest()) is not None and first.head.since_s + wait_s < store.now_s:
            yield from self._end(first, None)
            yield from self._bounded()
        self._find_due()

    def _find_due(self) -> None:
        first = self._store.oldest()
        self._due_s = _INFINITE_S if first is None else first.head.since_s + self.labels.wait_s

    def _end(self, first: Oldest, reason: str | None) -> Sequence[Outcome]:
        """End what came *first*: its time is over, or it gives way if a *reason* is given."""
        store, head, event_id = self._store, first.head, first.event_id
        store.take(head.kind, first.group, event_id)
        if reason is not None:
            store.counts["forgotten" if head.kind == SETTLED else "evicted"] += 1
        if head.kind == SETTLED:
            return _NONE
        if head.kind == ORPHAN:
            label, why = orphan_of(first.blob).label, reason or "no_event"
            return self._said(Outcome("orphan_expired", event_id, label, head.offset, reason=why))
        outcome = Outcome("expired", event_id, None, head.offset, head.offset, reason=reason or "no_label")
        kept = None
        if reason is None and self._taught is not None:
            outcome.label, outcome.waiter = self._taught, store.packer.unpack(first.blob)
            kept = first.blob if self._relearns else None
        event = _At(first.group, event_id, head.event_s, head.offset)
        self._settle(event, outcome.label, kept, is_expired=True)
        return self._said(outcome)

    def _said(self, *outcomes: Outcome) -> Sequence[Outcome]:
        """Count *outcomes* and return them."""
        for outcome in outcomes:
            self._store.counts[outcome.state] += 1
        return outcomes


def _duplicate_event(at: _At, reason: str) -> Outcome:
    return Outcome("duplicate", at.event_id, None, at.offset, at.offset, reason=reason)


def _is_same(one: Label | None, other: Label | None) -> bool:
    return type(one) is type(other) and one == other


def _declared(labels: Labels) -> str:
    """Return what the state depends on."""
    names = ("wait_s", "expire", "label_type", "corrections", "max_waiting", "max_bytes")
    values = {name: getattr(labels, name) for name in names}
    values["wait_s"] = float(labels.wait_s)
    values["label_type"] = labels.label_type and labels.label_type.__name__
    return ", ".join(f"{name}={value!r}" for name, value in values.items())
