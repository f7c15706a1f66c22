"""The near end of this scene: payments go into Kafka, one by one, as fast as the pace says."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
from aiokafka import AIOKafkaProducer

from agents.demo.ledger import Ledger
from agents.demo.pace import Pace
from agents.team.pipeline import PAYMENTS, Payment
from headrace.errors import HeadraceError

_PAUSE_S = 0.005

_encode = msgspec.json.Encoder().encode


async def feed(producer: AIOKafkaProducer, payments: Iterable[Payment], ledger: Ledger, pace: Pace) -> None:
    """Send *payments* and return when Kafka has them all.

    Raises
    ------
    HeadraceError
        If Kafka refuses one.
    """
    for payment in payments:
        while ledger.sent >= pace():  # noqa: ASYNC110 - kept by callbacks and by a reader
            await asyncio.sleep(_PAUSE_S)
        future = await producer.send(PAYMENTS, _encode(payment), key=payment.card.encode())
        future.add_done_callback(ledger.note_refusal)
        future.add_done_callback(ledger.on_ack)
        ledger.sent += 1
        if ledger.error is not None:
            break
    await producer.flush()
    if ledger.error is not None:
        raise HeadraceError("Kafka refused a record of the demo", why=str(ledger.error))
