"""The models of all keys at one offset, written down a few at a time while they go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from headrace.errors import SnapshotError
from headrace.keyed.chain import Plan
from headrace.keyed.entry import Entry
from headrace.keyed.parts import Owner, PartsCapture
from headrace.snapshots import pickling


class KeyedCapture(PartsCapture):
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
        super().__init__(owner, plan=plan, head=head, clock=clock)
        self._waiting = entries
        self._number = number

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

    def _work(self, ends: float) -> bool:
        waiting = self._waiting
        while waiting and self._clock() < ends:
            entry = waiting.pop()
            if entry.seen != self._number:
                self._take(entry)
        return not waiting

    def _drop(self) -> None:
        self._waiting.clear()

    def _take(self, entry: Entry) -> None:
        """Write *entry* down, if it is in the plan."""
        entry.seen = self._number
        if self._plan.covers(entry):
            blob = entry.resting or pickling.pickled(entry.models)
            self._write((entry.key, entry.last_use, blob), len(blob))
