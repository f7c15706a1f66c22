"""Carries out what operators ask of the partitions this worker owns, as decisions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from faust.types import TP

from agents import permissions
from agents.control import Asked, Control, Found, Stray
from agents.pinning import PIN, Pinning
from headrace import mutants
from headrace.errors import OrderError, SnapshotError
from headrace.pipeline import Pipeline
from headrace.snapshots.keys import Keyring
from schemas.audit import AuditEvent
from schemas.commands import FROM_SNAPSHOT, Command
from schemas.decisions import Decision
from streams.kafka_ports import TailReader
from streams.partition import Partition
from streams.partitions import Partitions
from streams.ports import Journal, Processor, SnapshotStore
from streams.topics import CONTROL_TOPIC, dead_topic, predictions_topic

LOOK_INTERVAL_S = 1.0
_LOOK_BACK = 100


class Commands:
    """Reads the control topic and answers each command once, with a decision or a refusal.

    Who owns the partition answers; a command that finds no owner waits for one until it expires. A command is
    known by its id: one that is answered in the decisions topic is done, whoever reads it again. What was
    answered is told to *audit*, after it was written down; what is no command at all too, by the owner of
    the first partition.

    Parameters
    ----------
    open_processor
        Makes a processor with fresh models, to work an unlearned state out.
    audit
        Told what became of each command, perhaps again after a restart.
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
        audit: Callable[[AuditEvent], Awaitable[None]],
    ) -> None:
        self._pipeline = pipeline
        self._partitions = partitions
        self._control = Control(pipeline.name, pipeline.log.partitions, keyring)
        self._reader = reader
        self._journal = journal
        self._audit = audit
        self._pinning = Pinning(partitions, reader=reader, store=store, open_processor=open_processor)
        self._next_offset = 0
        self._waiting: list[Found] = []

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            await self.look()

    async def look(self) -> None:
        """Read what is new in the control topic and carry out what can be."""
        records = await self._reader.read(CONTROL_TOPIC, 0, self._next_offset)
        if records:
            self._next_offset = records[-1].offset + 1
            self._waiting += self._control.read(records)
        self._waiting = [found for found in self._waiting if not await self._is_done(found)]

    async def _is_done(self, found: Found) -> bool:
        tp = TP(self._pipeline.log.name, 0 if isinstance(found, Stray) else found.partition)
        if tp not in self._partitions:
            return False
        if isinstance(found, Stray):
            await self._audit(found.event)
            return True
        owned = self._partitions[tp]
        if found.command.id not in owned.timeline.answered or mutants.active("command_twice"):
            await self._answer(found, tp, owned)
        answered = owned.timeline.answered.get(found.command.id)
        if answered is None:
            return False
        await self._audit(found.answer(answered))
        return not mutants.active("command_twice")

    async def _answer(self, asked: Asked, tp: TP, owned: Partition) -> None:
        command = asked.command
        try:
            _require_allowed(asked, owned)
            if command.action in FROM_SNAPSHOT:
                await self._restore(command, tp, owned)
            else:
                await self._order(command, owned)
        except (OrderError, SnapshotError) as error:
            await owned.refuse(self._journal, command.id, str(error))

    async def _restore(self, command: Command, tp: TP, owned: Partition) -> None:
        """Let the models become those of a snapshot."""
        found = await self._pinning.checked(command, tp, owned)
        if owned.may_decide(await self.published_end(tp.partition)):
            decision = self._decision(command, snapshot=f"{PIN}{command.id}", excluded=command.excluded)
            await owned.decide(self._journal, decision, self._pinning.maker(command, tp, found.blob))

    async def _order(self, command: Command, owned: Partition) -> None:
        """Do something to one model, or let the whole partition rest."""
        action = command.action
        # Who is paused may never come to where results were published: to go on changes none of them.
        published = 0 if action == "resume" else await self.published_end(owned.tp.partition)
        if owned.may_decide(published):
            decision = self._decision(command, model=command.model, value=command.value)
            if await owned.decide(self._journal, decision) is not None and action == "resume":
                await self._partitions.read_on()

    def _decision(self, command: Command, **more: Any) -> Decision:
        return Decision(command.id, -1, -1, command.action, version=self._pipeline.version, **more)

    async def published_end(self, partition: int) -> int:
        """Return the offset after the last record that has a result or a dead letter, whoever wrote it."""
        ends = [0]
        for topic in (predictions_topic(self._pipeline.name), dead_topic(self._pipeline.name)):
            for record in await self._reader.read_last(topic, partition, _LOOK_BACK):
                parts = (dict(record.headers).get("ce_id") or b"").split(b"/")
                if len(parts) > 1 and parts[-2].isdigit():  # else it is nothing that a worker has written
                    ends.append(int(parts[-2]) + 1)
        return max(ends)


def _require_allowed(asked: Asked, owned: Partition) -> None:
    """Refuse a command of somebody who may not give it, that came too late, or after another decision."""
    command = asked.command
    if (reason := permissions.refusal(command, asked.key_id)) is not None:
        raise OrderError(reason)
    if time.time() * 1000 > command.expires_ms:
        raise OrderError("the command came too late: it has expired")
    version, expected = owned.timeline.n_decided, command.expected_version
    if expected is not None and expected != version:
        raise OrderError(
            f"expected version {expected} of partition {owned.tp.partition}, it is {version}",
            why="that is how many decisions the partition has had: another one was made meanwhile"
            if expected < version
            else "that is how many decisions the partition has had",
            fix="headrace model ls TARGET   shows what is; then give the command again",
        )
