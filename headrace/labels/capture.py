"""What waits at one offset, written down a few entries at a time while what is waited for goes on coming.

A snapshot holds the entries changed since the one before it, those that are gone by name only, and in turn
one group of all others, so that the last few snapshots together are the whole state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from headrace.errors import SnapshotError
from headrace.keyed.chain import Link, Plan, unpacked
from headrace.keyed.entry import GROUPS
from headrace.keyed.parts import Owner, PartsCapture
from headrace.labels.outcomes import EventId
from headrace.labels.queue import Queue

Entry: TypeAlias = tuple[EventId, bytes]
"""Event id and packed entry, which is empty if it is gone."""

Changes: TypeAlias = dict[EventId, bytes]

_decode_part = msgspec.msgpack.Decoder(list[Entry]).decode


class LabelsCapture(PartsCapture):
    """Writes down changes and groups as they are now, whatever changes meanwhile.

    Parameters
    ----------
    queues
        All entries.
    changes
        The last of each entry changed since the snapshot that this one adds to; nobody changes it.
    """

    def __init__(
        self,
        owner: Owner,
        queues: Sequence[Queue],
        changes: Mapping[EventId, bytes],
        *,
        plan: Plan,
        head: Mapping[str, Any],
    ) -> None:
        super().__init__(owner, plan=plan, head=head)
        self._queues = queues
        self._changes = changes
        self._unread = {*range(GROUPS)} if plan.turn < 0 else {plan.turn}
        self._before: Changes = {}
        self._rest: Iterator[Entry] = self._entries()

    def before_change(self, group: int, event_id: EventId, blob: bytes) -> None:
        """Keep *blob*, empty if there is none, which *event_id* has now, if it is still to be read."""
        if group in self._unread:
            self._before.setdefault(event_id, blob)

    def _entries(self) -> Iterator[Entry]:
        changes, before = self._changes, self._before
        yield from changes.items()
        for group in sorted(self._unread):
            held = [queue.groups[group].copy() for queue in self._queues]
            self._unread.remove(group)
            for entries in held:
                for event_id, blob in entries.items():
                    if event_id not in before and event_id not in changes:
                        yield event_id, blob
        for event_id, blob in before.items():
            if blob and event_id not in changes:
                yield event_id, blob

    def _work(self, ends: float) -> bool:
        while self._clock() < ends:
            entry = next(self._rest, None)
            if entry is None:
                return True
            self._write(entry, len(entry[1]))
        return False

    def _drop(self) -> None:
        self._rest = iter(())
        self._unread.clear()
        self._before.clear()
        self._changes = {}


class Saved(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot of what waits holds.

    ``declared`` is what the declaration says as far as the state depends on it, ``n_held`` the number of
    entries held, ``parts`` those that are written.
    """

    step: int
    declared: str
    number: int
    now_s: float
    n_held: int
    counts: dict[str, int]
    delays: tuple[tuple[int, int], ...]
    shapes: tuple[tuple[str, ...], ...]
    ages: tuple[int, ...]
    weights: tuple[int, ...]
    parts: tuple[bytes, ...]

    def link(self, next_offset: int) -> Link:
        """Return where the snapshot stands in its chain."""
        return Link(next_offset, self.ages, self.weights)


def saved_of(body: Any, declared: str, of: str = "labels") -> Saved:
    """Return what *body*, as it was unpickled, says.

    Raises
    ------
    SnapshotError
        If it is no state *of* labels, or whatever else waits, so *declared*.
    """
    try:
        saved = msgspec.convert(body, Saved, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise SnapshotError("state", f"the snapshot holds nothing of {of}", why=str(error)) from error
    if len(saved.ages) != GROUPS:
        raise SnapshotError("state", f"the snapshot has {len(saved.ages)} groups of {of}, not {GROUPS}")
    if saved.declared != declared:
        raise SnapshotError(
            of,
            f"the snapshot was made with {of} of {saved.declared}, the pipeline has {declared}",
            why="what waits, and how long, depends on it",
            fix=f"raise the pipeline's version when its {of} change",
        )
    return saved


def merged(states: Sequence[Saved]) -> dict[EventId, bytes]:
    """Return the entries that the last of *states*, oldest first, holds.

    Raises
    ------
    SnapshotError
        If they are not all there.
    """
    newest = states[-1]
    found: dict[EventId, bytes] = {}
    n_found = 0
    for state in reversed(states):
        if n_found == newest.n_held:
            break
        for event_id, blob in unpacked(state.parts, _decode_part):
            if event_id not in found:
                found[event_id] = blob
                n_found += bool(blob)
    if n_found != newest.n_held:
        raise SnapshotError(
            "incomplete",
            "snapshots that this one adds to are missing",
            why=f"it holds {newest.n_held} entries, {len(states)} snapshots have {n_found} of them",
        )
    return {event_id: blob for event_id, blob in found.items() if blob}
