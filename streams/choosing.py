"""Which snapshot of a partition may be used: the newest whose seal, lineage and offset are in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import structlog
from faust.types import TP

from headrace import mutants
from headrace.errors import LostRecordsError, SnapshotError
from schemas.snapshots import SnapshotHeader
from streams.decisions import Timeline
from streams.ports import Bounds, Processor, Stored

log = structlog.get_logger(__name__)

OpenProcessor = Callable[[TP], Processor]

PINNED = "pin-"
"""Slots of snapshots that decisions refer to; recovery does not start from them."""


class Held(NamedTuple):
    """A state and where it comes from: a snapshot, or the memory of a worker.

    ``snapshot`` is the header of the snapshot it was last written to or read from, ``None`` if there is none.
    """

    processor: Processor
    epoch: int
    decision: int
    snapshot: SnapshotHeader | None


class Choice:
    """Chooses for one partition, whose owner begins at *frontier* with what *timeline* says."""

    def __init__(
        self,
        tp: TP,
        timeline: Timeline,
        frontier: int,
        bounds: Bounds,
        *,
        accept_lost_records: bool,
        on_refused: Callable[[str], None],
    ) -> None:
        self._tp = tp
        self._timeline = timeline
        self._frontier = frontier
        self._bounds = bounds
        self._accept_lost_records = accept_lost_records
        self._on_refused = on_refused

    def newest(self, stored: Sequence[Stored], processor: Processor, *, is_all: bool) -> Held | None:
        """Restore the newest of *stored* that may be used, and return it.

        Raises
        ------
        LostRecordsError
            If *stored* is all there is, and the log no longer has what comes after the newest.
        """
        headed = {one.slot: (self._header(processor, one), one.blob) for one in stored}
        blobs = {header.id: (header, blob) for header, blob in headed.values() if header is not None}
        for header in sorted((header for header, _ in blobs.values()), key=age, reverse=True):
            if header.next_offset < self._bounds.start and not is_all:
                return None  # older than the log; among those not read yet may be a newer one
            if not self.is_usable(header):
                continue
            parts = chain(header, blobs)
            if parts is None and is_all:
                self._refuse(header, "incomplete")
            if parts is not None and self._restore(processor, parts):
                self._place(processor)
                return Held(processor, header.epoch, header.decision, header)
        return None

    def is_usable(self, header: SnapshotHeader) -> bool:
        """Return whether a state at this place of the log and the decisions is that of the partition.

        Raises
        ------
        LostRecordsError
            If it is, and the log no longer has what comes after it.
        """
        fault = self._timeline.fault_of(header)
        if fault is None and header.next_offset > self._frontier:
            fault = "ahead_of_frontier"
        if (fault == "zombie" and mutants.active("zombie_snapshot")) or (
            fault == "ahead_of_frontier" and mutants.active("keep_state_ahead")
        ):
            fault = None
        if fault is not None:
            self._refuse(header, fault)
            return False
        if header.next_offset < self._bounds.start:
            self.lost(f"the state is at {header.next_offset} and the log begins at {self._bounds.start}")
        return True

    def lost(self, why: str) -> None:
        """Say that records are gone that the models have to learn from.

        Raises
        ------
        LostRecordsError
            Unless that is accepted.
        """
        if not self._accept_lost_records:
            raise LostRecordsError(
                f"partition {self._tp.partition} of {self._tp.topic} has lost records that its models need",
                why=f"{why}: retention deleted what lies between",
                fix="restore a newer snapshot (headrace snapshot restore), or accept the loss: "
                "HEADRACE_ACCEPT_LOST_RECORDS=true; a new version is prepared by headrace upgrade TARGET",
            )
        log.error("records_lost_accepted", topic=self._tp.topic, partition=self._tp.partition, why=why)

    def _place(self, processor: Processor) -> None:
        processor.next_offset = max(processor.next_offset, self._bounds.start)
        if mutants.active("restore_at_frontier"):
            processor.next_offset = self._frontier
        if mutants.active("snapshot_without_offset"):
            processor.next_offset = self._bounds.start

    def _header(self, processor: Processor, stored: Stored) -> SnapshotHeader | None:
        try:
            return processor.header_of(stored.blob)
        except SnapshotError as error:
            if error.reason != "other_version":  # versions before and after lie beside ours
                self._say_refused(error.reason, slot=stored.slot, why=error.why or error.what)
            return None

    def _restore(self, processor: Processor, blobs: Sequence[bytes]) -> bool:
        try:
            processor.restore(blobs)
        except SnapshotError as error:
            self._say_refused(error.reason, why=error.why or error.what)
            return False
        return True

    def _refuse(self, header: SnapshotHeader, reason: str) -> None:
        self._say_refused(reason, snapshot=header.id, next_offset=header.next_offset)

    def _say_refused(self, reason: str, **facts: object) -> None:
        self._on_refused(reason)
        log.warning(
            "snapshot_refused",
            topic=self._tp.topic,
            partition=self._tp.partition,
            reason=reason,
            **facts,
        )


def chain(header: SnapshotHeader, blobs: Mapping[str, tuple[SnapshotHeader, bytes]]) -> list[bytes] | None:
    """Return what *header* adds to, oldest first, and itself; ``None`` if a part of it is not there."""
    parts = []
    wanted = header.id
    for _ in range(header.reaches_back + 1):
        if wanted not in blobs:
            return None
        found, blob = blobs[wanted]
        parts.append(blob)
        wanted = found.previous
        if not wanted:
            break
    return parts[::-1]


def age(header: SnapshotHeader) -> tuple[int, int, int]:
    """Return what snapshots are sorted by: the newest is the greatest."""
    return header.next_offset, header.epoch, header.sequence
