"""What the ownership of partitions needs of Kafka, and of whoever folds: a real one, or a simulated one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from faust.types import TP

from schemas.decisions import Decision
from schemas.snapshots import SnapshotHeader


class Committed(NamedTuple):
    """A group's offset of a partition, ``None`` if there is none, and the note committed with it."""

    offset: int | None
    note: str = ""


class Bounds(NamedTuple):
    """First offset of a partition that is still there, and the offset after its last record."""

    start: int
    end: int


class Group(Protocol):
    """The consumer group, as a member of it."""

    async def committed(self, tps: Sequence[TP]) -> dict[TP, Committed]:
        """Return what is committed of each partition."""
        ...

    async def commit(self, offsets: Mapping[TP, Committed]) -> bool:
        """Commit; return whether this member may still commit these partitions."""
        ...

    async def bounds(self, tps: Sequence[TP]) -> dict[TP, Bounds]:
        """Return where each partition of the log begins and ends."""
        ...


class Journal(Protocol):
    """The decisions topic."""

    async def append(self, partition: int, value: bytes) -> int:
        """Write a record and return its offset once it is acknowledged."""
        ...

    async def read(self, partition: int, start: int) -> list[tuple[int, bytes]]:
        """Return offset and value of every record from *start* to the present end."""
        ...


class Stored(NamedTuple):
    """A snapshot as a store holds it."""

    slot: str
    blob: bytes


class SnapshotStore(Protocol):
    """Keeps the newest snapshot of each slot of each partition, whole or not at all."""

    async def write(self, partition: int, slot: str, blob: bytes) -> str:
        """Write durably; return a note that makes `read` quick, at most 200 characters."""
        ...

    async def read(self, partition: int, slots: str = "", note: str = "") -> list[Stored]:
        """Return what is whole in slots whose name starts with *slots*, in no order.

        With the *note* of a snapshot: that one, if it is still there, and those written after it.
        """
        ...

    async def delete(self, partition: int, slot: str) -> None:
        """Forget a slot."""
        ...


class Outbox(Protocol):
    """What one log partition publishes, in order."""

    async def open(self) -> None:
        """Get ready; in a transaction, from here on an older outbox of the partition can publish no more."""
        ...

    def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        timestamp_ms: int,
        headers: Sequence[tuple[str, bytes | None]],
    ) -> None:
        """Add a result."""
        ...

    async def send(self, next_offset: int) -> None:
        """Hand over what was added: the results of the records before *next_offset*."""
        ...

    def acknowledged_offset(self) -> int | None:
        """Return the offset before which all results are acknowledged, ``None`` if none is yet."""
        ...

    async def commit(self, note: str) -> int | None:
        """Commit results and frontier in one transaction; return the frontier, ``None`` if it is as before.

        Without transactions this does nothing: the owner commits to the group.
        """
        ...

    async def confirm(self, frontier: int, note: str) -> int:
        """Make sure in a transaction that no newer outbox has taken the partition; return the frontier.

        Without transactions nothing can be made sure of.
        """
        ...

    async def drain(self, timeout_s: float) -> None:
        """Wait until all that was sent is acknowledged or has failed; in a transaction, do nothing."""
        ...

    async def close(self) -> None:
        """Let go of what `open` took."""
        ...


class Capture(Protocol):
    """A state at an offset on its way to bytes, a little at a time, while the state goes on."""

    next_offset: int
    reaches_back: int

    @property
    def cost_s(self) -> float:
        """Seconds of processor time it has taken so far, wherever."""
        ...

    def advance(self, budget_s: float) -> bool:
        """Work for about *budget_s*; return whether all is done.

        Raises
        ------
        SnapshotError
            If the state cannot be written; it goes on unharmed.
        """
        ...

    def blob(self, facts: Mapping[str, Any]) -> tuple[SnapshotHeader, bytes]:
        """Return the snapshot, sealed, and its header; *facts* is what the owner knows: epoch, decision."""
        ...

    def close(self, *, written: bool) -> None:
        """End; a state that writes only what changed learns whether this was *written*."""
        ...


class Processor(Protocol):
    """Folds the records of one partition; what the streams know of a model."""

    next_offset: int

    @property
    def live_slots(self) -> int:
        """How many slots its newest snapshots take turns in: those a restore needs, and some to spare."""
        ...

    def process(self, records: Sequence[Any], outbox: Outbox | None) -> None:
        """Fold *records*; put the results into *outbox*, or be silent if it is ``None`` (replay)."""
        ...

    def capture(self, *, whole: bool = False) -> Capture:
        """Begin to write down the state at `next_offset`; *whole*: with nothing left to earlier snapshots."""
        ...

    def header_of(self, blob: bytes) -> SnapshotHeader:
        """Return the header of a snapshot whose seal is intact and that is of this partition and declaration.

        Raises
        ------
        SnapshotError
            If it is not; nothing is unpickled.
        """
        ...

    def restore(self, blobs: Sequence[bytes]) -> None:
        """Become what the last of *blobs* says; those before it are what it adds to, oldest first.

        Raises
        ------
        SnapshotError
            If that fails; the state is as before.
        """
        ...

    def adopt_models(self, blobs: Sequence[bytes]) -> None:
        """Take over the models of a snapshot, and keep offset and step: a decision."""
        ...

    def require_possible(self, decision: Decision) -> None:
        """Change nothing.

        Raises
        ------
        OrderError
            If `carry_out` could not do what *decision*, which names no snapshot, says.
        """
        ...

    def late(self) -> Sequence[tuple[str, float]]:
        """Return the models that are too slow by the clock, and how many answers came late.

        As it stands until they are taken out.
        """
        ...

    def take_costs(self) -> Sequence[tuple[str, float]]:
        """Return the steps whose cost has changed by the clock since the last call, and microseconds."""
        ...

    def carry_out(self, decision: Decision) -> None:
        """Do what *decision*, which names no snapshot, says.

        Raises
        ------
        OrderError
            If it cannot be done; nothing has changed.
        """
        ...
