"""An operator's command: signed, sent to the owner of a partition, and its answer awaited."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Literal

import msgspec

from headrace.errors import HeadraceError
from headrace.snapshots.keys import Keyring
from schemas.commands import KEY_HEADER, MAC_HEADER, Command
from schemas.decisions import Decision, JournalRecord, Refused
from schemas.snapshots import SnapshotHeader
from streams import client
from streams.kafka_ports import TailReader
from streams.topics import CONTROL_TOPIC, decisions_topic

ANSWER_WITHIN_S = 30.0
_POLL_S = 0.2

_decode = msgspec.json.Decoder(JournalRecord).decode


def command_for(
    header: SnapshotHeader,
    slot: str,
    action: Literal["rollback", "unlearn"],
    *,
    excluded: Sequence[tuple[int, int]] = (),
    expires_in_s: float = 600.0,
) -> Command:
    """Return the command that lets a partition's models become those of the snapshot in *slot*."""
    return Command(
        id=uuid.uuid4().hex,
        pipeline=header.pipeline,
        partition=header.partition,
        action=action,
        snapshot=slot,
        snapshot_id=header.id,
        expires_ms=int((time.time() + expires_in_s) * 1000),
        excluded=tuple(excluded),
    )


async def send(
    bootstrap: str, keyring: Keyring, command: Command, *, answer_within_s: float = ANSWER_WITHIN_S
) -> Decision:
    """Send *command* and return the decision that came of it.

    Raises
    ------
    HeadraceError
        If the owner refused, or nobody answered in time; the command may still be carried out until it
        expires.
    """
    value = msgspec.json.encode(command)
    key_id, mac = keyring.sign(value)
    topic = decisions_topic(command.pipeline)
    async with client.reader(bootstrap) as consumer, client.producer(bootstrap) as producer:
        reader, start = TailReader(consumer), 0
        for record in await reader.read(topic, command.partition, 0):
            start = record.offset + 1
        await producer.send_and_wait(
            CONTROL_TOPIC,
            value,
            key=command.pipeline.encode(),
            partition=0,
            headers=[(KEY_HEADER, key_id.encode()), (MAC_HEADER, mac.hex().encode())],
        )
        return await _answered(reader, command, start, answer_within_s)


async def _answered(reader: TailReader, command: Command, start: int, within_s: float) -> Decision:
    """Return what the owner decided, from offset *start* of the decisions topic on."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        for record in await reader.read(decisions_topic(command.pipeline), command.partition, start):
            start = record.offset + 1
            found = _answer(record.value, command.id)
            if isinstance(found, Decision):
                return found
            if found is not None:
                what, _, why = found.reason.partition("\n")
                raise HeadraceError(
                    f"partition {command.partition}: the worker refused: {what}", why=why.strip()
                )
        await asyncio.sleep(_POLL_S)
    raise HeadraceError(
        f"partition {command.partition}: no worker answered within {within_s:.0f} s",
        why="either none owns the partition, or it is busy; the command stays valid until it expires",
        fix="headrace status TARGET",
    )


def _answer(value: bytes | None, command_id: str) -> Decision | Refused | None:
    try:
        record = _decode(value or b"")
    except msgspec.MsgspecError:
        return None
    if isinstance(record, Decision | Refused) and record.id == command_id:
        return record
    return None
