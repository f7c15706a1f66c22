"""The models of all keys of a partition: found by key, bounded by the order of last use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from headrace.keyed import chain
from headrace.keyed.capture import KeyedCapture
from headrace.keyed.chain import Line
from headrace.keyed.entry import Entry, Making, Members
from headrace.models.digest import digest
from schemas import Refusal


class KeyedModels:
    """One set of models per key. Which keys are held follows from the log alone.

    Parameters
    ----------
    making
        How models are built, bound and read.
    max_keys
        With so many held, the key used least recently gives way to a new one.

    Attributes
    ----------
    evicted
        Number of keys that gave way, in this process.
    """

    def __init__(self, making: Making, max_keys: int) -> None:
        self._making = making
        self._max_keys = max_keys
        self._entries: OrderedDict[bytes, Entry] = OrderedDict()
        self._capture: KeyedCapture | None = None
        self._n_captures = 0
        self._line = Line()
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._entries)

    def use(self, key: bytes | None, offset: int) -> Members:
        """Return the models of *key* for the record at *offset*; fresh ones if it is not held.

        Raises
        ------
        Refusal
            If there is no key.
        """
        entry = self._entries.get(key)  # type: ignore[arg-type] # None is never found
        if entry is None:
            return self._add(key, offset)
        if self._capture is not None:
            self._capture.before_change(entry)
        members = entry.members
        if members is None:
            members = entry.wake(self._making)
        entry.last_use = offset
        self._entries.move_to_end(entry.key)
        return members

    def capture(self, next_offset: int, step: int, *, whole: bool) -> KeyedCapture:
        """Begin to write down the keys that the newest written snapshot lacks, and a share of the others.

        A capture that is not done is given up: only one is shown what changes.
        """
        if self._capture is not None:
            self._capture.supersede()
        n_held = len(self._entries)
        plan = self._line.planned(next_offset, n_held, whole=whole)
        self._n_captures += 1
        self._capture = KeyedCapture(
            self,
            list(dict.values(self._entries)),  # in any order: that of last use takes 30 times longer
            plan=plan,
            number=self._n_captures,
            head={"step": step, "max_keys": self._max_keys, "n_keys": n_held, **self._uses()},
        )
        self._line.begin(self._capture)
        return self._capture

    def done(self, capture: KeyedCapture) -> None:
        """Show *capture* no more changes."""
        if self._capture is capture:
            self._capture = None

    def closed(self, capture: KeyedCapture, *, written: bool) -> None:
        """Let the next snapshot add to *capture*, if it is written and nothing newer is."""
        self.done(capture)
        self._line.end(capture, written=written)

    def restore(self, bodies: Sequence[Any], next_offset: int, *, goes_on: bool) -> int:
        """Hold, as from *next_offset* on, what the snapshots *bodies*, oldest first, say; only when new.

        If it *goes_on*, the next snapshot adds to the last of them. Return the step of that.

        Raises
        ------
        SnapshotError
            If they are not the whole state of such models.
        """
        states = [chain.state_of(body) for body in bodies]
        newest = states[-1]
        chain.require(newest, self._max_keys, next_offset)
        for key, last_use, blob in chain.merged(states):
            self._entries[key] = Entry(key, last_use, resting=blob)
        self._line = Line(newest.link(next_offset) if goes_on else None)
        if self._entries:  # models that cannot be read must show now, while there is a snapshot before
            self._entries[next(reversed(self._entries))].wake(self._making)
        return newest.step

    def digests(self) -> Iterator[tuple[bytes, int, str]]:
        """Yield key, last use and fingerprint of each, in order of last use."""
        for key, entry in self._entries.items():
            models = entry.peek(self._making)
            yield key, entry.last_use, digest([(name, digest(model)) for name, model in models.items()])

    def _uses(self) -> dict[str, int]:
        """Return the oldest and the newest last use."""
        if not self._entries:
            return {"oldest": 0, "newest": 0}
        oldest, newest = next(iter(self._entries)), next(reversed(self._entries))
        return {"oldest": self._entries[oldest].last_use, "newest": self._entries[newest].last_use}

    def _add(self, key: bytes | None, offset: int) -> Members:
        if key is None:
            raise Refusal(
                "key", "expected a key: it names the models that learn (scope='key'); there is none"
            )
        entry = Entry(key, offset, seen=self._n_captures)
        entry.models = self._making.build()
        members = entry.wake(self._making)
        if len(self._entries) >= self._max_keys:
            self._entries.popitem(last=False)  # a capture that needs it still has it
            self.evicted += 1
        self._entries[key] = entry
        return members
