"""The smallest model that notices everything: a result holds what was learned before it, in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import msgspec
from faust.types import TP

from headrace.errors import OrderError, SnapshotError
from schemas.decisions import Decision
from schemas.snapshots import SnapshotHeader
from streams.ports import Outbox
from tests.simulation.kafka import Record
from tests.simulation.ports import DEAD, PIPELINE, RESULTS
from tests.simulation.reference import Expected

ORDERED = "tiny"
"""Name of the only model that orders can be given to."""

ROLLING = 3
"""With a state per key, every key is in one of so many snapshots."""

_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(tuple[SnapshotHeader, dict[str, int]]).decode

Digests = dict[str, int]
"""What was learned: a chained checksum, one per key, or one under the empty name."""


def learn(digests: Digests, name: str, value: bytes) -> None:
    """Take *value* in; the order matters."""
    digests[name] = crc32(value, digests.get(name, 1))


def result(offset: int, step: int, digest: int) -> bytes:
    """Return what is published of a record."""
    return b"%d:%d:%08x" % (offset, step, digest)


def letter(offset: int, value: bytes) -> bytes:
    """Return what is published of a record that is refused."""
    return b"%d:dead:%s" % (offset, value)


def _headers(offset: int) -> list[tuple[str, bytes | None]]:
    return [("ce_id", b"sim/log/0/%d/predict" % offset)]


def seal(header: SnapshotHeader, digests: Digests) -> bytes:
    """Return a snapshot: a checksum, and what it is of."""
    content = _encode((header, digests))
    return crc32(content).to_bytes(4, "big") + content


def opened(blob: bytes) -> tuple[SnapshotHeader, Digests]:
    """Return what `seal` wrote."""
    if crc32(blob[4:]).to_bytes(4, "big") != blob[:4]:
        raise SnapshotError("seal", "the seal of a snapshot is broken")
    return _decode(blob[4:])


def header_at(partition: int, next_offset: int, step: int, **facts: Any) -> SnapshotHeader:
    """Return the header of a snapshot of this pipeline."""
    return SnapshotHeader(
        pipeline=PIPELINE,
        version=1,
        models={},
        topic="log",
        partition=partition,
        next_offset=next_offset,
        step=step,
        river="",
        python="",
        headrace="",
        **facts,
    )


class Tiny:
    """Folds records into digests.

    Parameters
    ----------
    is_keyed
        Whether there is a state per key, written down a part at a time.
    patience
        In how many goes a capture is done.
    """

    def __init__(self, tp: TP, *, is_keyed: bool = False, patience: int = 1) -> None:
        self.partition = tp.partition
        self.next_offset = 0
        self.step = 0
        self.digests: Digests = {}
        self.is_keyed = is_keyed
        self.patience = patience
        self.dirty: set[str] = set()
        self.n_written = 0
        self.n_adopted = 0
        self.is_whole_due = True

    @property
    def live_slots(self) -> int:
        return ROLLING + 2 if self.is_keyed else 3

    def process(self, records: Sequence[Any], outbox: Outbox | None) -> None:
        for offset, key, value, timestamp, _ in records:
            if offset < self.next_offset:
                continue
            if value is None:
                pass
            elif value[:1] == b"!":
                if outbox is not None:
                    outbox.append(DEAD, key, letter(offset, value), timestamp, _headers(offset))
            else:
                name = key.decode() if self.is_keyed else ""
                if outbox is not None:
                    made = result(offset, self.step, self.digests.get(name, 1))
                    outbox.append(RESULTS, key, made, timestamp, _headers(offset))
                learn(self.digests, name, value)
                self.dirty.add(name)
                self.step += 1
            self.next_offset = offset + 1

    def capture(self, *, whole: bool = False) -> TinyCapture:
        return TinyCapture(self, whole=whole or self.is_whole_due or not self.is_keyed)

    def header_of(self, blob: bytes) -> SnapshotHeader:
        header, _ = opened(blob)
        if header.partition != self.partition:
            raise SnapshotError("foreign", "the snapshot is of another partition")
        return header

    def restore(self, blobs: Sequence[bytes]) -> None:
        digests = _merged(blobs)
        header = opened(blobs[-1])[0]
        self.digests, self.next_offset, self.step = digests, header.next_offset, header.step
        self.dirty, self.is_whole_due = set(), True

    def adopt_models(self, blobs: Sequence[bytes]) -> None:
        self.digests = _merged(blobs)
        self.n_adopted += 1
        self.is_whole_due = True

    def require_possible(self, decision: Decision) -> None:
        if decision.model != ORDERED:
            raise OrderError(f"there is no model {decision.model!r}")

    def carry_out(self, decision: Decision) -> None:
        """Forget everything, whatever it says."""
        self.require_possible(decision)
        self.digests = {}
        self.n_adopted += 1
        self.is_whole_due = True


def _merged(blobs: Sequence[bytes]) -> Digests:
    digests: Digests = {}
    for blob in blobs:
        digests |= opened(blob)[1]
    return digests


class TinyCapture:
    """The digests of a moment, or those that changed and a share of the others."""

    def __init__(self, tiny: Tiny, *, whole: bool) -> None:
        self._tiny = tiny
        self._is_whole = whole
        self.next_offset = tiny.next_offset
        self.cost_s = 0.0
        self._step = tiny.step
        self._wanted = tiny.patience
        self._dirty = set(tiny.dirty)
        self._n_adopted = tiny.n_adopted
        turn = tiny.n_written % ROLLING
        self._digests = {
            name: digest
            for name, digest in tiny.digests.items()
            if whole or name in tiny.dirty or crc32(name.encode()) % ROLLING == turn
        }
        self.reaches_back = 0 if whole else min(tiny.n_written, ROLLING - 1)
        tiny.dirty.clear()

    def advance(self, budget_s: float) -> bool:
        self._wanted -= 1
        return self._wanted <= 0

    def blob(self, facts: Mapping[str, Any]) -> tuple[SnapshotHeader, bytes]:
        header = header_at(
            self._tiny.partition,
            self.next_offset,
            self._step,
            scope="key" if self._tiny.is_keyed else "partition",
            reaches_back=self.reaches_back,
            **facts,
        )
        return header, seal(header, self._digests)

    def close(self, *, written: bool) -> None:
        tiny = self._tiny
        if not written:
            tiny.dirty |= self._dirty
            tiny.is_whole_due = tiny.is_whole_due or self._is_whole
        elif self._is_whole:
            tiny.n_written, tiny.is_whole_due = 1, tiny.n_adopted != self._n_adopted
        else:
            tiny.n_written += 1


class TinyKit:
    """Tiny models for a whole schedule: how they are made, and what they must come to."""

    def __init__(self, plan: Any) -> None:
        self._plan = plan

    def open_processor(self, tp: TP) -> Tiny:
        """Return a fresh one."""
        return Tiny(tp, is_keyed=self._plan.is_keyed, patience=self._plan.patience)

    def value_of(self, event: Any) -> bytes | None:
        """Return what a record holds."""
        value: bytes | None = event.value
        return value

    def header_of(self, partition: int, blob: bytes) -> SnapshotHeader:
        """Return the header of an intact snapshot."""
        return opened(blob)[0]

    def state_in(self, blob: bytes) -> Digests:
        """Return the state that a snapshot holds."""
        return opened(blob)[1]

    def state_of(self, tiny: Tiny) -> tuple[Digests, int]:
        """Return what may be compared."""
        return tiny.digests, tiny.step

    def caught_up(self, state: Digests, records: Sequence[Record]) -> Digests:
        """Return *state* after *records*."""
        tiny = Tiny(TP("", 0), is_keyed=self._plan.is_keyed)
        tiny.digests = dict(state)
        tiny.process(records, None)
        return tiny.digests

    def expect(
        self, partition: int, records: Sequence[Record], acts: Sequence[Any], end: int, *, is_last_taken: bool
    ) -> Expected:
        """Return the undisturbed fold of *records*; of *acts* each counts before the offset it acts at."""
        digests: Digests = {}
        step, published, pending = 0, {}, list(acts)
        for offset, key, value, *_ in records:
            while pending and pending[0].at <= offset:
                digests = _after(pending.pop(0), digests)
            if value is None:
                continue
            if value.startswith(b"!"):
                published[offset] = letter(offset, value)
                continue
            name = (key or b"").decode() if self._plan.is_keyed else ""
            published[offset] = result(offset, step, digests.get(name, 1))
            learn(digests, name, value)
            step += 1
        while is_last_taken and pending and pending[0].at <= end:
            digests = _after(pending.pop(0), digests)
        return Expected((digests, step), published)


def _after(act: Any, digests: Digests) -> Digests:
    """Return what a decision makes of *digests*: a pause leaves them as they are."""
    return digests if act.state is None else dict(act.state)
