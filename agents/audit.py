"""Writes the audit topic: what became of each command, once as far as can be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog
from aiokafka import AIOKafkaProducer

from schemas.audit import AuditEvent
from schemas.cloudevents import AUDIT_TYPE, common_headers
from streams.kafka_ports import TailReader
from streams.topics import AUDIT_TOPIC, CONTROL_TOPIC

log = structlog.get_logger(__name__)

_encode = msgspec.json.Encoder().encode


class Auditor:
    """Publishes events that are not there yet.

    Two workers may write the same event at the same moment: it has the same id then, and the same value.

    Parameters
    ----------
    reader
        Of the audit topic.
    producer
        Gives what sends.
    """

    def __init__(self, reader: TailReader, producer: Callable[[], AIOKafkaProducer]) -> None:
        self._reader = reader
        self._producer = producer
        self._said: set[str] = set()
        self._next_offset = 0

    async def say(self, event: AuditEvent) -> None:
        """Publish *event*, unless it was: by a worker before, or one that has the partition no more."""
        if event.id not in self._said:
            await self._catch_up()
        if event.id in self._said:
            return
        name = event.pipeline or CONTROL_TOPIC
        headers = common_headers(AUDIT_TYPE, f"/{name}", datetime.now(UTC))
        headers += [("ce_id", event.id.encode())]
        await self._producer().send_and_wait(
            AUDIT_TOPIC, _encode(event), key=name.encode(), partition=0, headers=headers
        )
        self._said.add(event.id)
        log.warning(
            "command", outcome=event.outcome, id=event.command, partition=event.partition,
            action=event.action, model=event.model, at=event.acts_at, why=event.reason,
        )  # fmt: skip

    async def _catch_up(self) -> None:
        for record in await self._reader.read(AUDIT_TOPIC, 0, self._next_offset):
            self._next_offset = record.offset + 1
            if said := dict(record.headers).get("ce_id"):
                self._said.add(said.decode(errors="replace"))
