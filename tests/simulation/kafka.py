"""A Kafka in memory: logs, results, a group with generations, transactions, a journal, snapshot slots.

Nothing here waits or chooses: the world decides when a request arrives, and whether it does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from aiokafka.errors import InvalidProducerEpoch

from schemas.audit import AuditEvent
from streams.ports import Bounds, Committed, Stored

Headers = Sequence[tuple[str, bytes | None]]


class Record(NamedTuple):
    """What a consumer reads of a log."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Headers = ()


class Log:
    """One partition of the source. Offsets may have gaps, and retention moves `start` on."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.start = 0
        self.end = 0

    def append(self, key: bytes | None, value: bytes | None, gap: int = 0) -> None:
        """Add a record, *gap* offsets after where it would be: as after a transaction marker."""
        offset = self.end + gap
        self.records.append(Record(offset, key, value, 1_700_000_000_000 + offset))
        self.end = offset + 1

    def read(self, position: int, n: int) -> list[Record]:
        """Return up to *n* records from *position* on."""
        return [r for r in self.records if r.offset >= max(position, self.start)][:n]

    def bounds(self) -> Bounds:
        """Return where it begins and ends."""
        return Bounds(self.start, self.end)


@dataclass(eq=False, slots=True)
class Transaction:
    """What one transactional producer did between begin and end."""

    status: Literal["open", "prepared", "committed", "aborted"] = "open"
    offsets: dict[int, Committed] = field(default_factory=dict)
    n_entries: int = 0
    began_at: float = 0.0


@dataclass(eq=False, slots=True)
class TransactionalId:
    """What the transaction coordinator knows of a name."""

    epoch: int = -1
    owner: Any = None
    current: Transaction | None = None


class Entry(NamedTuple):
    """One published record: by whom, in which transaction, and whether the writer had lost the partition."""

    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    writer: Any
    transaction: Transaction | None
    is_stale: bool

    @property
    def offset(self) -> int:
        """Of the record that it is the result of, as its id says."""
        return int((dict(self.headers)["ce_id"] or b"").split(b"/")[-2])

    @property
    def is_committed(self) -> bool:
        """Whether a reader of committed records sees it."""
        return self.transaction is None or self.transaction.status == "committed"


class Kafka:
    """The cluster: all that outlives a worker."""

    def __init__(self, n_partitions: int) -> None:
        self.logs = [Log() for _ in range(n_partitions)]
        self.results: list[list[Entry]] = [[] for _ in range(n_partitions)]
        self.journal: list[list[bytes]] = [[] for _ in range(n_partitions)]
        self.slots: list[dict[str, Stored]] = [{} for _ in range(n_partitions)]
        self.control: list[Record] = []
        self.audit: list[AuditEvent] = []
        self.stamps: list[dict[str, int]] = [{} for _ in range(n_partitions)]
        self.n_stamps = 0
        self.committed: dict[int, Committed] = {}
        self.ids: dict[str, TransactionalId] = {}

    def frontier(self, partition: int) -> int:
        """Return the committed offset; a transaction whose end is decided counts."""
        known = [self.committed.get(partition)]
        known += [
            found.current.offsets.get(partition)
            for found in self.ids.values()
            if found.current is not None and found.current.status == "prepared"
        ]
        return max((done.offset or 0 for done in known if done is not None), default=0)

    def next_stamp(self) -> int:
        """Return a number higher than that of every snapshot written before: its offset in the topic."""
        self.n_stamps += 1
        return self.n_stamps

    def publish(self, partition: int, entries: Sequence[Entry]) -> None:
        """Append results."""
        self.results[partition] += entries

    def init_producer(self, name: str, owner: Any) -> int | None:
        """Return a new epoch of a transactional producer; ``None``: markers are being written, ask again."""
        found = self.ids.setdefault(name, TransactionalId())
        if found.current is not None:
            if found.current.status == "prepared":
                return None
            found.current.status = "aborted"
            found.current = None
        found.epoch += 1
        found.owner = owner
        return found.epoch

    def transaction(self, name: str, epoch: int, now: float) -> Transaction:
        """Return the open transaction of a producer, a new one if there is none; an old one is fenced."""
        found = self.ids[name]
        if found.epoch != epoch:
            raise InvalidProducerEpoch()
        if found.current is None:
            found.current = Transaction(began_at=now)
        return found.current

    def prepare(self, name: str, epoch: int) -> Transaction | None:
        """Decide that a transaction is committed; return it while its markers are to be written."""
        found = self.ids[name]
        if found.epoch != epoch:
            raise InvalidProducerEpoch()
        if found.current is None or found.current.status != "open":
            return None
        found.current.status = "prepared"
        return found.current

    def complete(self, name: str, transaction: Transaction) -> None:
        """Write the markers: results become visible, offsets count; nobody asks for a generation."""
        transaction.status = "committed"
        self.committed |= transaction.offsets
        self.ids[name].current = None

    def abort(self, name: str, epoch: int) -> None:
        """Abort the open transaction."""
        found = self.ids[name]
        if found.epoch != epoch:
            raise InvalidProducerEpoch()
        self._drop(found)

    def expire_transaction(self, name: str) -> bool:
        """Abort an open transaction as the coordinator does when it took too long; its producer is fenced."""
        found = self.ids[name]
        if found.current is None or found.current.status != "open":
            return False
        self._drop(found)
        found.epoch += 1
        return True

    @staticmethod
    def _drop(found: TransactionalId) -> None:
        if found.current is not None:
            found.current.status = "aborted"
            found.current = None


class Group:
    """The group's coordinator: members, generations, who owns what. The eager protocol.

    Attributes
    ----------
    members
        Names of the members, each with whether it has joined the generation to come.
    owner
        Partition to the name of its owner in this generation.
    """

    def __init__(self, kafka: Kafka) -> None:
        self.kafka = kafka
        self.generation = 0
        self.is_rebalancing = False
        self.members: dict[str, bool] = {}
        self.owner: dict[int, str] = {}
        self.n_rebalances = 0

    def join(self, name: str) -> None:
        """Take a member in for the next generation."""
        self._begin_rebalance()
        self.members[name] = True

    def leave(self, name: str) -> None:
        """Let a member go, of its own accord or because its session ended."""
        if self.members.pop(name, None) is not None:
            self._begin_rebalance()

    def rebalance(self) -> None:
        """Call everybody to join again."""
        self._begin_rebalance()

    def _begin_rebalance(self) -> None:
        if not self.is_rebalancing:
            self.is_rebalancing = True
            self.members = dict.fromkeys(self.members, False)

    def knows(self, name: str, generation: int) -> bool:
        """Return whether a member of *generation* may still commit."""
        return generation == self.generation and name in self.members

    def is_complete(self) -> bool:
        """Return whether all members have joined the next generation."""
        return self.is_rebalancing and bool(self.members) and all(self.members.values())

    def assign(self, order: Sequence[str]) -> None:
        """Begin a generation: partitions go to the members in *order*."""
        self.generation += 1
        self.n_rebalances += 1
        self.is_rebalancing = False
        self.owner = {p: order[p % len(order)] for p in range(len(self.kafka.logs))}

    def commit(self, name: str, generation: int, offsets: Mapping[int, Committed]) -> bool:
        """Commit, if the member belongs to this generation."""
        if not self.knows(name, generation):
            return False
        self.kafka.committed |= offsets
        return True
