"""Slots of a version's own: the snapshots of the version before stay, and lead back to it."""

from __future__ import annotations

from streams.choosing import PINNED
from streams.ports import SnapshotStore, Stored


class VersionSlots:
    """A store of snapshots whose writer is one version of a pipeline.

    The slot ``live-0`` of version 2 is ``live-0.v2``; version 1 has the plain names. Pins keep theirs:
    decisions refer to them. All versions are read: whose a snapshot is, its header says.
    """

    def __init__(self, store: SnapshotStore, version: int) -> None:
        self._store = store
        self._suffix = f".v{version}" if version > 1 else ""

    async def write(self, partition: int, slot: str, blob: bytes) -> str:
        """Write to the slot of this version; see `streams.ports.SnapshotStore`."""
        return await self._store.write(partition, self.named(slot), blob)

    async def read(self, partition: int, slots: str = "", note: str = "") -> list[Stored]:
        """Read slots by their whole names."""
        return await self._store.read(partition, slots, note)

    async def delete(self, partition: int, slot: str) -> None:
        """Forget a slot of this version."""
        await self._store.delete(partition, self.named(slot))

    def named(self, slot: str) -> str:
        """Return the whole name of a slot of this version."""
        return slot if slot.startswith(PINNED) else f"{slot}{self._suffix}"
