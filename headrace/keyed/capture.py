"""The models of all keys at one offset, written down a few at a time while they go on."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping
from typing import Protocol

from headrace.errors import SnapshotError
from headrace.keyed.chain import Kept, Link, Plan, packed
from headrace.keyed.entry import Entry
from headrace.snapshots import pickling

PART_BYTES = 65_536
"""Bytes of models that are compressed together: a millisecond of work."""


class Owner(Protocol):
    """Whoever changes the entries, and shows each to the capture first."""

    def done(self, capture: KeyedCapture) -> None:
        """Show *capture* no more changes."""
        ...

    def closed(self, capture: KeyedCapture, *, written: bool) -> None:
        """Take in whether *capture* is stored."""
        ...


class KeyedCapture:
    """Pickles the entries of a plan; one that is about to change, before it does.

    Parameters
    ----------
    entries
        All entries at the offset.
    number
        Of this capture; an entry whose ``seen`` is equal needs nothing more.
    head
        What the snapshot says besides: see `headrace.keyed.chain.State`.
    """

    def __init__(
        self,
        owner: Owner,
        entries: list[Entry],
        *,
        plan: Plan,
        number: int,
        head: Mapping[str, int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._owner = owner
        self._waiting = entries
        self._plan = plan
        self._number = number
        self._head = head
        self._clock = clock
        self._keys: list[Kept] = []
        self._size_bytes = 0
        self._parts: list[bytes] = []
        self._fault: SnapshotError | None = None
        self._is_done = self._is_closed = False
        self._n_written = 0
        self.step = head["step"]
        self.next_offset = plan.link.next_offset
        self.reaches_back = plan.link.reaches_back
        self.cost_s = 0.0

    @property
    def link(self) -> Link:
        """Where the snapshot stands in its chain, with what is written so far."""
        return self._plan.link._replace(weights=(self._n_written, *self._plan.link.weights[1:]))

    def before_change(self, entry: Entry) -> None:
        """Write *entry* down if that is still to be done: it is about to change."""
        if entry.seen == self._number:
            return
        started = time.thread_time()
        try:
            self._take(entry)
        except SnapshotError as error:  # the fold goes on
            self._fail(error)
        self.cost_s += time.thread_time() - started

    def advance(self, budget_s: float) -> bool:
        """Write entries down for about *budget_s*; return whether all are.

        Raises
        ------
        SnapshotError
            If one cannot be pickled, or another capture has begun; the models go on unharmed.
        """
        started, ends, waiting = time.thread_time(), self._clock() + budget_s, self._waiting
        try:
            while waiting and self._clock() < ends:
                entry = waiting.pop()
                if entry.seen != self._number:
                    self._take(entry)
            if not waiting:
                self._pack()
        except SnapshotError as error:
            self._fail(error)
        self.cost_s += time.thread_time() - started
        if self._fault is not None:
            raise self._fault
        if not waiting and not self._is_done:
            self._is_done = True
            self._owner.done(self)
        return self._is_done

    def body(self) -> bytes:
        """Return what was written down, as `headrace.snapshots.pickling.loads` reads it."""
        link = self.link
        state = {**self._head, "ages": link.ages, "weights": link.weights, "parts": tuple(self._parts)}
        return zlib.compress(pickling.pickled(state), 0)  # the parts are compressed already

    def close(self, *, written: bool) -> None:
        """End; if it is *written*, the next snapshot adds to this one."""
        if not self._is_closed:
            self._is_closed = True
            self._waiting.clear()
            self._parts.clear()
            self._keys.clear()
            self._owner.closed(self, written=written)

    def supersede(self) -> None:
        """Give up: the next capture has begun."""
        self._fail(SnapshotError("superseded", "another capture of the same models has begun"))
        self.close(written=False)

    def _take(self, entry: Entry) -> None:
        """Write *entry* down, if it is in the plan."""
        entry.seen = self._number
        if not self._plan.covers(entry):
            return
        blob = entry.resting or pickling.pickled(entry.models)
        self._keys.append((entry.key, entry.last_use, blob))
        self._n_written += 1
        self._size_bytes += len(blob)
        if self._size_bytes >= PART_BYTES:
            self._pack()

    def _pack(self) -> None:
        if self._keys:
            self._parts.append(packed(self._keys))
            self._keys, self._size_bytes = [], 0

    def _fail(self, fault: SnapshotError) -> None:
        self._fault = fault
        self._waiting.clear()
        self._owner.done(self)
