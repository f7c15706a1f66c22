"""An operator's command: signed, sent to the owner of a partition, and its answer awaited."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from headrace.errors import HeadraceError, OrderError, TopicError
from headrace.snapshots.keys import Keyring
from schemas.audit import AuditEvent
from schemas.commands import KEY_HEADER, MAC_HEADER, Action, Command
from schemas.snapshots import SnapshotHeader
from streams import client
from streams.kafka_ports import TailReader
from streams.topics import AUDIT_TOPIC, CONTROL_TOPIC
from streams.transport import partitions_by_topic

ANSWER_WITHIN_S = 30.0
EXPIRES_IN_S = 600.0
_POLL_S = 0.2

_Place: TypeAlias = tuple[int, str]
"""Of a command: its offset in the control topic, and its id."""

_decode = msgspec.json.Decoder(AuditEvent).decode


def command_for(
    header: SnapshotHeader,
    slot: str,
    action: Literal["rollback", "unlearn"],
    *,
    excluded: Sequence[tuple[int, int]] = (),
) -> Command:
    """Return the command that lets a partition's models become those of the snapshot in *slot*."""
    return Command(
        uuid.uuid4().hex,
        header.pipeline,
        header.partition,
        action,
        _expiry_ms(),
        snapshot=slot,
        snapshot_id=header.id,
        excluded=tuple(excluded),
    )


def order(pipeline: str, partition: int, action: Action, **more: Any) -> Command:
    """Return the command to do *action* on a partition; *more* are further fields of `Command`.

    Raises
    ------
    OrderError
        If it does not make sense.
    """
    try:
        return Command(uuid.uuid4().hex, pipeline, partition, action, _expiry_ms(), **more)
    except ValueError as error:
        raise OrderError(f"{action} cannot be asked for like this", why=str(error)) from error


async def send(
    bootstrap: str, keyring: Keyring, command: Command, *, answer_within_s: float = ANSWER_WITHIN_S
) -> AuditEvent:
    """Send *command*, which is for one partition, and return what its owner answered: that it is done.

    Raises
    ------
    OrderError
        If the owner refused.
    HeadraceError
        If nobody answered in time; the command may still be carried out until it expires.
    """
    (event,) = await ask(bootstrap, keyring, [command], answer_within_s=answer_within_s)
    if event is None:
        raise HeadraceError(
            f"partition {command.partition}: no worker answered within {answer_within_s:.0f} s",
            why="either none owns the partition, or it is busy; the command stays valid until it expires",
            fix="headrace status TARGET",
        )
    if event.outcome == "refused":
        error = refusal(event)
        raise OrderError(
            f"partition {command.partition}: the worker refused: {error.what}", why=error.why, fix=error.fix
        )
    return event


async def ask(
    bootstrap: str,
    keyring: Keyring,
    commands: Sequence[Command],
    *,
    answer_within_s: float = ANSWER_WITHIN_S,
) -> list[AuditEvent | None]:
    """Send *commands*, each for one partition, and return the answers; ``None`` where none came in time."""
    async with client.reader(bootstrap) as consumer, client.producer(bootstrap) as producer:
        await _require_topics(consumer)
        reader, start = TailReader(consumer), 0
        for record in await reader.read_last(AUDIT_TOPIC, 0, 1):
            start = record.offset + 1
        places = [(await _published(producer, keyring, command), command.id) for command in commands]
        found = await _answers(reader, set(places), start, answer_within_s)
    return [found.get(place) for place in places]


async def _published(producer: AIOKafkaProducer, keyring: Keyring, command: Command) -> int:
    value = msgspec.json.encode(command)
    key_id, mac = keyring.sign(value)
    sent = await producer.send_and_wait(
        CONTROL_TOPIC,
        value,
        key=command.pipeline.encode(),
        partition=0,
        headers=[(KEY_HEADER, key_id.encode()), (MAC_HEADER, mac.hex().encode())],
    )
    offset: int = sent.offset
    return offset


async def _answers(
    reader: TailReader, places: set[_Place], start: int, within_s: float
) -> dict[_Place, AuditEvent]:
    """Return the events about records of the control topic, looked for from an offset of the audit on."""
    found: dict[_Place, AuditEvent] = {}
    deadline = time.monotonic() + within_s
    while places - found.keys() and time.monotonic() < deadline:
        for record in await reader.read(AUDIT_TOPIC, 0, start):
            start = record.offset + 1
            event = _event(record.value)
            if event is not None and event.command is not None:
                found.setdefault((event.control_offset, event.command), event)
        await asyncio.sleep(_POLL_S)
    return found


def _event(value: bytes | None) -> AuditEvent | None:
    try:
        return _decode(value or b"")
    except msgspec.MsgspecError:  # it is nothing that a worker has written
        return None


def refusal(event: AuditEvent) -> OrderError:
    """Return the error that says why a command was refused."""
    what, _, rest = (event.reason or "").partition("\n")
    why, _, fix = rest.partition("\n  fix ")
    return OrderError(what, why=why.strip().removeprefix("why").strip(), fix=fix.strip())


async def _require_topics(consumer: AIOKafkaConsumer) -> None:
    there = await partitions_by_topic(consumer)
    for topic in (CONTROL_TOPIC, AUDIT_TOPIC):
        if topic not in there:
            raise TopicError(f"topic {topic} does not exist", fix="headrace topics create TARGET")


def _expiry_ms() -> int:
    return int((time.time() + EXPIRES_IN_S) * 1000)
