"""Carries out what operators ask of the partitions this worker owns, as decisions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog
from aiokafka import ConsumerRecord
from faust.types import TP

from headrace import mutants
from headrace.errors import SnapshotError
from headrace.pipeline import Pipeline
from headrace.snapshots.keys import Keyring
from schemas.commands import KEY_HEADER, MAC_HEADER, Command
from schemas.decisions import Decision
from schemas.snapshots import SnapshotHeader
from streams.kafka_ports import TailReader
from streams.partition import Partition
from streams.partitions import Partitions
from streams.ports import Journal, Processor, SnapshotStore, Stored
from streams.snapshotting import ADVANCE_S
from streams.topics import CONTROL_TOPIC, dead_topic, predictions_topic

log = structlog.get_logger(__name__)

PIN = "pin-"
LOOK_INTERVAL_S = 1.0
CAPTURE_WITHIN_S = 60.0
_LOOK_BACK = 100
_CATCH_UP_RECORDS = 2_000

_decoder = msgspec.json.Decoder(Command)


class Commands:
    """Reads the control topic and answers each command once, with a decision or a refusal.

    Who owns the partition answers; a command that finds no owner waits for one until it expires. A command is
    known by its id: one that is answered in the decisions topic is done, whoever reads it again.

    Parameters
    ----------
    open_processor
        Makes a processor with fresh models, to work an unlearned state out.
    """

    def __init__(  # noqa: PLR0913 - ports, keyword-only
        self,
        pipeline: Pipeline,
        partitions: Partitions,
        *,
        keyring: Keyring,
        reader: TailReader,
        store: SnapshotStore,
        journal: Journal,
        open_processor: Callable[[TP], Processor],
    ) -> None:
        self._pipeline = pipeline
        self._partitions = partitions
        self._keyring = keyring
        self._reader = reader
        self._store = store
        self._journal = journal
        self._open_processor = open_processor
        self._next_offset = 0
        self._waiting: dict[str, Command] = {}

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            await self.look()

    async def look(self) -> None:
        """Read what is new in the control topic and carry out what can be."""
        for record in await self._reader.read(CONTROL_TOPIC, 0, self._next_offset):
            self._next_offset = record.offset + 1
            command = self._command(record)
            if command is not None and command.pipeline == self._pipeline.name:
                self._waiting[command.id] = command
        for command in list(self._waiting.values()):
            await self._answer(command)

    def _command(self, record: ConsumerRecord) -> Command | None:
        headers = dict(record.headers)
        try:
            self._keyring.verify(
                (headers.get(KEY_HEADER) or b"").decode(errors="replace"),
                record.value or b"",
                bytes.fromhex((headers.get(MAC_HEADER) or b"").decode(errors="replace")),
            )
            return _decoder.decode(record.value)
        except (SnapshotError, ValueError) as error:  # msgspec's errors are ValueErrors
            log.warning("command_refused", offset=record.offset, why=str(error).split("\n")[0])
            return None

    async def _answer(self, command: Command) -> None:
        tp = TP(self._pipeline.log.name, command.partition)
        if tp not in self._partitions:
            return
        owned = self._partitions[tp]
        if command.id in owned.timeline.answered and not mutants.active("command_twice"):
            del self._waiting[command.id]
            return
        try:
            found = await self._checked(command, owned)
            if not owned.may_decide(await self._published_end(command.partition)):
                return
            decision = Decision(
                command.id,
                -1,
                -1,
                command.action,
                f"{PIN}{command.id}",
                command.excluded,
                version=self._pipeline.version,
            )
            act = await owned.decide(self._journal, decision, self._maker(command, tp, found.blob))
        except SnapshotError as error:
            log.warning("command_refused", id=command.id, partition=command.partition, why=error.what)
            await owned.refuse(self._journal, command.id, str(error))
            return
        if act is not None:
            log.warning(
                "decision",
                id=command.id,
                action=command.action,
                partition=command.partition,
                at=act.decision.at,
                snapshot=command.snapshot_id,
            )

    async def _checked(self, command: Command, owned: Partition) -> Stored:
        """Return the snapshot that *command* names, if it may be used."""
        if time.time() * 1000 > command.expires_ms:
            raise SnapshotError("expired", "the command came too late: it has expired")
        stored = await self._store.read(command.partition, command.snapshot)
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

    def _maker(self, command: Command, tp: TP, blob: bytes) -> Callable[[int], Any]:
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

    async def _published_end(self, partition: int) -> int:
        """Return the offset after the last record that has a result or a dead letter, whoever wrote it."""
        ends = [0]
        for topic in (predictions_topic(self._pipeline.name), dead_topic(self._pipeline.name)):
            for record in await self._reader.read_last(topic, partition, _LOOK_BACK):
                parts = (dict(record.headers).get("ce_id") or b"").split(b"/")
                if len(parts) > 1 and parts[-2].isdigit():  # else it is nothing that a worker has written
                    ends.append(int(parts[-2]) + 1)
        return max(ends)


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
