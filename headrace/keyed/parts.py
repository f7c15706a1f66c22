"""A state in parts: written down a few entries at a time, within a budget, while the fold goes on."""

from __future__ import annotations

import time
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from headrace.errors import SnapshotError
from headrace.keyed.chain import Link, Plan, packed
from headrace.snapshots import pickling

PART_BYTES = 65_536
"""Bytes of entries that are compressed together: a millisecond of work."""


class Owner(Protocol):
    """Whoever changes the entries, and shows each change to the capture first."""

    def done(self, capture: Any) -> None:
        """Show *capture* no more changes."""
        ...

    def closed(self, capture: Any, *, written: bool) -> None:
        """Take in whether *capture* is stored."""
        ...


class PartsCapture(ABC):
    """Entries of a plan on their way to parts of a snapshot.

    Parameters
    ----------
    owner
        Told when the entries may change unseen, and when the capture ends.
    head
        What the snapshot says besides; with ``step``.
    """

    def __init__(
        self,
        owner: Owner,
        *,
        plan: Plan,
        head: Mapping[str, Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._owner = owner
        self._plan = plan
        self._head = head
        self._clock = clock
        self._unpacked: list[Any] = []
        self._size_bytes = 0
        self._parts: list[bytes] = []
        self._fault: SnapshotError | None = None
        self._is_done = self._is_closed = False
        self._n_written = 0
        self.step: int = head["step"]
        self.next_offset = plan.link.next_offset
        self.reaches_back = plan.link.reaches_back
        self.cost_s = 0.0

    @property
    def link(self) -> Link:
        """Where the snapshot stands in its chain, with what is written so far."""
        return self._plan.link._replace(weights=(self._n_written, *self._plan.link.weights[1:]))

    @abstractmethod
    def _work(self, ends: float) -> bool:
        """Give entries to `_write` until the clock says *ends*; return whether all are written."""

    @abstractmethod
    def _drop(self) -> None:
        """Let go of what is still to be written."""

    def advance(self, budget_s: float) -> bool:
        """Write entries down for about *budget_s*; return whether all are.

        Raises
        ------
        SnapshotError
            If one cannot be pickled, or another capture has begun; the state goes on unharmed.
        """
        started, ends = time.thread_time(), self._clock() + budget_s
        is_all = False
        try:
            is_all = self._work(ends)
            if is_all:
                self._pack()
        except SnapshotError as error:
            self._fail(error)
        self.cost_s += time.thread_time() - started
        if self._fault is not None:
            raise self._fault
        if is_all and not self._is_done:
            self._is_done = True
            self._owner.done(self)
        return self._is_done

    def body(self) -> bytes:
        """Return what was written down, as `headrace.snapshots.pickling.loads` reads it."""
        return zlib.compress(pickling.pickled(self.state()), 0)  # the parts are compressed already

    def state(self) -> dict[str, Any]:
        """Return what was written down, of builtins only."""
        link = self.link
        return {**self._head, "ages": link.ages, "weights": link.weights, "parts": tuple(self._parts)}

    def close(self, *, written: bool) -> None:
        """End; if it is *written*, the next snapshot adds to this one."""
        if not self._is_closed:
            self._is_closed = True
            self._drop()
            self._parts.clear()
            self._unpacked.clear()
            self._owner.closed(self, written=written)

    def supersede(self) -> None:
        """Give up: the next capture has begun."""
        self._fail(SnapshotError("superseded", "another capture of the same state has begun"))
        self.close(written=False)

    def _write(self, entry: Any, size_bytes: int) -> None:
        self._unpacked.append(entry)
        self._n_written += 1
        self._size_bytes += size_bytes
        if self._size_bytes >= PART_BYTES:
            self._pack()

    def _pack(self) -> None:
        if self._unpacked:
            self._parts.append(packed(self._unpacked))
            self._unpacked, self._size_bytes = [], 0

    def _fail(self, fault: SnapshotError) -> None:
        self._fault = fault
        self._drop()
        self._owner.done(self)
