"""The snapshots that commands name, made ready for the models to become them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from faust.types import TP

from headrace.errors import SnapshotError
from schemas.commands import Command
from schemas.snapshots import SnapshotHeader
from streams.kafka_ports import TailReader
from streams.partition import Partition
from streams.partitions import Partitions
from streams.ports import Processor, SnapshotStore, Stored
from streams.snapshotting import ADVANCE_S
from streams.turns import MakeBlob

PIN = "pin-"
CAPTURE_WITHIN_S = 60.0
_CATCH_UP_RECORDS = 2_000


class Pinning:
    """Finds the snapshot that a command names, and brings it to where the partition stands.

    Parameters
    ----------
    open_processor
        Makes a processor with fresh models, to work an unlearned state out.
    """

    def __init__(
        self,
        partitions: Partitions,
        *,
        reader: TailReader,
        store: SnapshotStore,
        open_processor: Callable[[TP], Processor],
    ) -> None:
        self._partitions = partitions
        self._reader = reader
        self._store = store
        self._open_processor = open_processor

    async def checked(self, command: Command, tp: TP, owned: Partition) -> Stored:
        """Return the snapshot that *command* names.

        Raises
        ------
        SnapshotError
            If it is not there, or may not be used any more.
        """
        stored = await self._store.read(tp.partition, command.snapshot)
        found = [one for one in stored if one.slot == command.snapshot]
        header = owned.processor.header_of(found[0].blob) if found else None
        if header is None or header.id != command.snapshot_id:
            raise SnapshotError(
                "not_there",
                f"snapshot {command.snapshot_id} is not in slot {command.snapshot}",
                why="a newer one has taken its place",
                fix="headrace model history TARGET",
            )
        _require_lineage(command, header, owned)
        return found[0]

    def maker(self, command: Command, tp: TP, blob: bytes) -> MakeBlob:
        """Return what makes the snapshot to pin of *blob*, the one that *command* names."""

        async def as_it_is(_: int) -> bytes:
            return blob

        async def caught_up(offset: int) -> bytes:
            owned = self._partitions[tp]
            facts = {"epoch": owned.epoch, "decision": owned.snapshots.decision}
            return await self._caught_up(tp, blob, offset, command.excluded, facts)

        return as_it_is if command.action == "rollback" else caught_up

    async def _caught_up(
        self,
        tp: TP,
        blob: bytes,
        offset: int,
        excluded: Iterable[tuple[int, int]],
        facts: Mapping[str, int],
    ) -> bytes:
        """Return the state of *blob* moved on to *offset*, without the *excluded* records."""
        processor = self._open_processor(tp)
        processor.restore([blob])
        records = await self._reader.read(tp.topic, tp.partition, processor.next_offset)
        start = await self._reader.start(tp.topic, tp.partition)
        if start > processor.next_offset:
            raise SnapshotError(
                "lost_records",
                f"the log begins at offset {start}, and the unlearned state ends at {processor.next_offset}",
                why="retention deleted what lies between",
                fix="run the command again: it then starts from a newer state",
            )
        wanted = [
            record
            for record in records
            if record.offset < offset and not any(a <= record.offset <= b for a, b in excluded)
        ]
        for i in range(0, len(wanted), _CATCH_UP_RECORDS):
            processor.process(wanted[i : i + _CATCH_UP_RECORDS], None)
            await asyncio.sleep(0)
        processor.next_offset = offset
        return await _written_down(processor, facts)


def _require_lineage(command: Command, header: SnapshotHeader, owned: Partition) -> None:
    """Refuse a snapshot that a decision since has made unfit for *command*."""
    if header.reaches_back:
        raise SnapshotError("not_whole", f"snapshot {header.id} is not whole: it only adds to others")
    since = owned.timeline.after(header.decision)
    if command.action == "unlearn" and since:
        raise SnapshotError(
            "decided_since",
            f"snapshot {header.id} was worked out before another decision",
            fix="run the command again",
        )
    unlearned = [first for act in since for first, _ in act.decision.excluded if first < header.next_offset]
    if unlearned:
        raise SnapshotError(
            "holds_unlearned",
            f"snapshot {header.id} holds what was unlearned since",
            why=f"records from offset {unlearned[0]} on were taken out of the models later",
        )


async def _written_down(processor: Processor, facts: Mapping[str, int]) -> bytes:
    """Return the whole state of *processor* as a snapshot; lets others work meanwhile."""
    capture = processor.capture(whole=True)
    try:
        async with asyncio.timeout(CAPTURE_WITHIN_S):
            while not capture.advance(ADVANCE_S):  # noqa: ASYNC110 - a child process tells nobody
                await asyncio.sleep(ADVANCE_S)
        return capture.blob(facts)[1]
    except TimeoutError as error:
        raise SnapshotError(
            "too_slow", f"the unlearned state could not be written down within {CAPTURE_WITHIN_S:.0f} s"
        ) from error
    finally:
        capture.close(written=False)
