"""All that waits or is remembered on one partition, in queues, and how it is written down."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from headrace.keyed.chain import Line
from headrace.labels.capture import Changes, LabelsCapture, merged, saved_of
from headrace.labels.delays import Delays
from headrace.labels.outcomes import STATES, EventId
from headrace.labels.packing import EVENT, ORPHAN, SETTLED, Packer, encode, head_of
from headrace.labels.queue import Oldest, Queue, group_of

KINDS = (EVENT, ORPHAN, SETTLED)


class Store:
    """Packed entries in a queue for each kind; an event id is in one of them at most.

    Parameters
    ----------
    declared
        What the declaration says as far as the state depends on it.
    most_changes
        When so many entries have changed since a snapshot was written, the next one is written whole.
    of
        What waits, as errors say it, and the states that are counted.

    Attributes
    ----------
    now_s
        The log's time.
    number
        Of the next entry; each is unlike all others.
    counts, delays
        Of outcomes.
    """

    def __init__(
        self, declared: str, most_changes: int, of: tuple[str, Sequence[str]] = ("labels", STATES)
    ) -> None:
        self._of, states = of
        self.queues = tuple(Queue() for _ in KINDS)
        self.packer = Packer()
        self.now_s = -float("inf")
        self.number = 0
        self.counts = dict.fromkeys((*states, "evicted", "forgotten"), 0)
        self.delays = Delays()
        self._declared = declared
        self._most_changes = most_changes
        self._line = Line()
        self._reading: LabelsCapture | None = None
        self._changes: Changes = {}  # since the last capture began; noted from the first one on
        self._sealed: dict[LabelsCapture, Changes] = {}  # until each, since the last one that was written

    @property
    def n_held(self) -> int:
        """How many entries there are."""
        return sum(queue.n for queue in self.queues)

    def surplus(self, most: int, most_bytes: int) -> Oldest | None:
        """Return what has to give way, if there are more than *most* of a kind or all take over *most_bytes*.

        Of bytes, settled events give way first, and events that wait last.
        """
        over = [queue for queue in self.queues if queue.n > most]
        if not over and sum(queue.size_bytes for queue in self.queues) > most_bytes:
            over = [*reversed(self.queues)]
        return next((first for queue in over if (first := queue.oldest()) is not None), None)

    def oldest(self) -> Oldest | None:
        """Return the entry that came first of all."""
        found = [first for queue in self.queues if queue.n and (first := queue.oldest())]
        return min(found, default=None)

    def digest(self) -> str:
        """Return a fingerprint of all that the outcomes to come depend on."""
        sha = hashlib.sha256(encode((self.now_s, self.number, self.counts, self.delays.counts())))
        sha.update(encode(self.packer.shapes))
        for queue in self.queues:
            for group in queue.groups:
                sha.update(encode([*group.items()]))
        return sha.hexdigest()

    def capture(self, next_offset: int, step: int, *, whole: bool) -> LabelsCapture:
        """Begin to write down what the newest written snapshot lacks, and a share of the rest.

        A capture that is not done is given up: only one is shown what changes.
        """
        if self._reading is not None:
            self._reading.supersede()
        if len(self._changes) + sum(map(len, self._sealed.values())) > self._most_changes:
            self._start_anew()
        sealed = self._changes
        plan = self._line.planned(next_offset, self.n_held, whole=whole)
        self._reading = LabelsCapture(
            self,
            self.queues,
            {} if plan.turn < 0 else _last([*self._sealed.values(), sealed]),
            plan=plan,
            head={"step": step, "n_held": self.n_held, **self._head()},
        )
        self._line.begin(self._reading)
        self._sealed[self._reading] = sealed
        self._note_changes()
        return self._reading

    def done(self, capture: LabelsCapture) -> None:
        """Show *capture* no more changes."""
        if self._reading is capture:
            self._reading = None

    def closed(self, capture: LabelsCapture, *, written: bool) -> None:
        """Let the next snapshot add to *capture*, if it is written and nothing newer is."""
        self.done(capture)
        if self._line.end(capture, written=written):
            while next(iter(self._sealed)) is not capture:
                del self._sealed[next(iter(self._sealed))]
            del self._sealed[capture]

    def restore(self, bodies: Sequence[Any], next_offset: int) -> int:
        """Hold what the snapshots *bodies*, oldest first, say, as at *next_offset*; only when new.

        Return the step of the last of them, to which the next snapshot adds.

        Raises
        ------
        SnapshotError
            If they are not the whole state of such as are declared like these.
        """
        states = [saved_of(body, self._declared, self._of) for body in bodies]
        newest = states[-1]
        self._fill(merged(states))
        self.packer = Packer(newest.shapes)
        self.now_s, self.number = newest.now_s, newest.number
        self.counts, self.delays = {**self.counts, **newest.counts}, Delays(newest.delays)
        self._line = Line(newest.link(next_offset))
        self._note_changes()
        return newest.step

    def _fill(self, entries: dict[EventId, bytes]) -> None:
        for event_id in sorted(entries, key=lambda event_id: head_of(entries[event_id]).number):
            blob = entries[event_id]
            self.queues[head_of(blob).kind].put(group_of(event_id), event_id, blob)

    def _note_changes(self) -> None:
        """Begin to note for the next snapshot what changes."""
        self._changes = {}
        for queue in self.queues:
            queue.note = self._note

    def _note(self, group: int, event_id: EventId, before: bytes, after: bytes) -> None:
        if self._reading is not None:
            self._reading.before_change(group, event_id, before)
        self._changes[event_id] = after
        if len(self._changes) > self._most_changes:
            self._start_anew()

    def _start_anew(self) -> None:
        """Let the next snapshot be whole: too much has changed to be noted."""
        self._line = Line()
        self._sealed.clear()
        self._changes = {}

    def _head(self) -> dict[str, Any]:
        return {
            "declared": self._declared,
            "number": self.number,
            "now_s": self.now_s,
            "counts": dict(self.counts),
            "delays": self.delays.counts(),
            "shapes": self.packer.shapes,
        }


def _last(sealed: Sequence[Changes]) -> Changes:
    """Return the last change of each entry."""
    if len(sealed) == 1:
        return sealed[0]
    changed: Changes = {}
    for changes in sealed:
        changed.update(changes)
    return changed
