"""A worker's partitions over a Kafka in memory, a fold that is easy to read, and snapshots in plain text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from faust.types import TP

from headrace.errors import OrderError, SnapshotError
from schemas.decisions import Decision
from schemas.snapshots import SnapshotHeader
from streams.chunking import Chunk
from streams.observer import Observer
from streams.outbox import Outbox
from streams.partitions import Partitions
from streams.ports import Bounds, Committed, Stored
from streams.recovery import Recovered, Recovery
from streams.snapshotting import Cadence
from tests.unit.streams.producer import FakeProducer

A, B = TP("log", 0), TP("log", 1)


class Record(NamedTuple):
    offset: int


def chunk(first: int, last: int, follows: int | None = None) -> Chunk:
    """Return the records *first* to *last*, both included."""
    return Chunk([Record(n) for n in range(first, last + 1)], first if follows is None else follows)


def published(producer: FakeProducer) -> list[int]:
    return [int(value or b"-1") for batch in producer.sent for value in batch.values]


def header(**facts: Any) -> SnapshotHeader:
    """Return a header; what a test leaves out does not matter to it."""
    given: dict[str, Any] = {
        "pipeline": "p", "version": 1, "models": {}, "topic": "log", "partition": 0, "step": 0,
        "next_offset": 0, "river": "", "python": "", "headrace": "",
    }  # fmt: skip
    return SnapshotHeader(**(given | facts))


def snapshot(folded: Sequence[int], **facts: Any) -> bytes:
    """Return a snapshot of a `Sum` that has folded these offsets."""
    next_offset = facts.pop("next_offset", folded[-1] + 1 if folded else 0)
    head = msgspec.json.encode(header(next_offset=next_offset, **facts)).decode()
    return json.dumps({"head": head, "folded": list(folded)}).encode()


class SumCapture:
    """Is done when it has been advanced *steps* times."""

    def __init__(self, fold: Sum, steps: int, *, whole: bool) -> None:
        self.next_offset = fold.next_offset
        self.reaches_back = 0
        self.whole = whole
        self.cost_s = fold.capture_cost_s
        self.closed: bool | None = None
        self._folded = list(fold.folded)
        self._steps = steps

    def advance(self, budget_s: float) -> bool:
        self._steps -= 1
        return self._steps <= 0

    def blob(self, facts: Mapping[str, Any]) -> tuple[SnapshotHeader, bytes]:
        blob = snapshot(self._folded, next_offset=self.next_offset, **facts)
        return Sum().header_of(blob), blob

    def close(self, *, written: bool) -> None:
        self.closed = written


class Sum:
    """Folds offsets into a list and publishes each."""

    live_slots = 3

    def __init__(self, capture_steps: int = 1) -> None:
        self.next_offset = 0
        self.folded: list[int] = []
        self.adopted: list[list[int]] = []
        self.captures: list[SumCapture] = []
        self.capture_cost_s = 0.0
        self.measured_late: list[tuple[str, float]] = []
        self.costs: list[tuple[str, float]] = []
        self._capture_steps = capture_steps

    def process(self, records: Sequence[Any], outbox: Any) -> None:
        for record in records:
            self.folded.append(record.offset)
            self.next_offset = record.offset + 1
            if outbox is not None:
                outbox.append("results", None, b"%d" % record.offset, 0, [])

    def capture(self, *, whole: bool = False) -> SumCapture:
        self.captures.append(SumCapture(self, self._capture_steps, whole=whole))
        return self.captures[-1]

    def header_of(self, blob: bytes) -> SnapshotHeader:
        try:
            return msgspec.json.decode(json.loads(blob)["head"], type=SnapshotHeader)
        except (ValueError, KeyError) as error:
            raise SnapshotError("corrupt", "the seal is broken") from error

    def restore(self, blobs: Sequence[bytes]) -> None:
        self.next_offset = self.header_of(blobs[-1]).next_offset
        self.folded = [offset for blob in blobs for offset in json.loads(blob)["folded"]]

    def adopt_models(self, blobs: Sequence[bytes]) -> None:
        self.adopted.append(json.loads(blobs[-1])["folded"])
        self.folded = [*json.loads(blobs[-1])["folded"]]

    def late(self) -> list[tuple[str, float]]:
        return self.measured_late

    def take_costs(self) -> list[tuple[str, float]]:
        costs, self.costs = self.costs, []
        return costs

    def require_possible(self, decision: Decision) -> None:
        if decision.model != "sum":
            raise OrderError(f"there is no model {decision.model!r}")

    def carry_out(self, decision: Decision) -> None:
        """Forget everything, whatever it says."""
        self.require_possible(decision)
        self.folded = []
        self.measured_late = []


class MemoryGroup:
    def __init__(self, *, accepts: bool = True) -> None:
        self.accepts = accepts
        self.commits: list[dict[TP, int | None]] = []
        self.now: dict[TP, Committed] = {}
        self.logs: dict[TP, Bounds] = {}

    async def committed(self, tps: Sequence[TP]) -> dict[TP, Committed]:
        return {tp: self.now.get(tp, Committed(None)) for tp in tps}

    async def commit(self, offsets: Mapping[TP, Committed]) -> bool:
        self.commits.append({tp: at.offset for tp, at in offsets.items()})
        if self.accepts:
            self.now |= offsets
        return self.accepts

    async def bounds(self, tps: Sequence[TP]) -> dict[TP, Bounds]:
        return {tp: self.logs.get(tp, Bounds(0, 1_000_000)) for tp in tps}


class MemoryJournal:
    def __init__(self) -> None:
        self.records: dict[int, list[bytes]] = {}

    async def append(self, partition: int, value: bytes) -> int:
        self.records.setdefault(partition, []).append(value)
        return len(self.records[partition]) - 1

    async def read(self, partition: int, start: int) -> list[tuple[int, bytes]]:
        return [(i, value) for i, value in enumerate(self.records.get(partition, ())) if i >= start]


class MemoryStore:
    """Notes are places in the order of writing."""

    def __init__(self) -> None:
        self.written: list[tuple[int, str, bytes]] = []
        self.is_broken = False

    async def write(self, partition: int, slot: str, blob: bytes) -> str:
        if self.is_broken:
            raise SnapshotError("not_stored", "the brokers do not answer")
        self.written.append((partition, slot, blob))
        return str(len(self.written) - 1)

    async def read(self, partition: int, slots: str = "", note: str = "") -> list[Stored]:
        newest = {
            slot: blob
            for number, slot, blob in self.written[int(note or 0) :]
            if number == partition and slot.startswith(slots)
        }
        return [Stored(slot, blob) for slot, blob in newest.items()]

    async def delete(self, partition: int, slot: str) -> None:
        self.written = [one for one in self.written if one[:2] != (partition, slot)]

    def slots(self, partition: int = 0) -> list[str]:
        return [slot for number, slot, _ in self.written if number == partition]


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


class Remembering(Observer):
    """Remembers where each state came from, and why snapshots failed."""

    def __init__(self) -> None:
        self.hows: dict[TP, str] = {}
        self.failures: list[str] = []

    def recovered(self, tp: TP, found: Recovered) -> None:
        self.hows[tp] = found.how

    def snapshot_failed(self, reason: str) -> None:
        self.failures.append(reason)


class Owner:
    """One worker's partitions."""

    def __init__(self, like: Owner | None = None, *, accepts: bool = True, **options: Any) -> None:
        """Own partitions of a new Kafka, or of the one of *like*: another worker's."""
        self.producer = FakeProducer()
        self.group = MemoryGroup(accepts=accepts) if like is None else like.group
        self.journal = MemoryJournal() if like is None else like.journal
        self.store = MemoryStore() if like is None else like.store
        self.clock = Clock()
        self.opened: list[TP] = []
        self.refused: list[str] = []
        self.observer = Remembering()
        self.recovered = self.observer.hows
        self.capture_steps = options.pop("capture_steps", 1)
        recovery = Recovery(
            pipeline="p",
            worker="w",
            open_processor=self._open,
            journal=self.journal,
            store=self.store,
            accept_lost_records=options.pop("accept_lost_records", False),
            on_refused=self.refused.append,
            version=options.pop("version", 0),
            answered=options.pop("answered", None),
        )
        self.partitions = Partitions(
            group=self.group,
            store=self.store,
            recovery=recovery,
            open_outbox=lambda tp: Outbox(lambda: self.producer, tp.partition),
            cadence=options.pop("cadence", Cadence(interval_s=10.0, events=1000, keep_every=4, keep=2)),
            observer=self.observer,
            clock=self.clock,
            **options,
        )

    def _open(self, tp: TP) -> Sum:
        self.opened.append(tp)
        return Sum(self.capture_steps)

    def fold(self, tp: TP = A) -> Any:
        return self.partitions[tp].processor

    async def own(self, *tps: TP) -> None:
        await self.partitions.assign(tps)

    async def work(self, first: int, last: int, tp: TP = A) -> None:
        """Fold records and have their results acknowledged."""
        await self.partitions.process(tp, chunk(first, last))
        self.producer.acknowledge()

    async def write_down(self, tp: TP = A) -> None:
        """Commit, and take and store a snapshot of all."""
        self.clock.now_s += 100.0
        await self.partitions.snapshot()
        await self.partitions.commit()
        await self.partitions.snapshot()
