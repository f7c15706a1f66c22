"""Whether records wait: the end of a log says only half, for the mark of a transaction is no record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.errors import IllegalStateError
from faust.types import TP


async def lags(app: Any, next_offsets: Mapping[TP, int]) -> dict[TP, int]:
    """Return how far each partition of a hot topic is behind the end of its log, in offsets.

    It is 0 where nothing waits, in the brokers or between them and the models: after the last record there
    may be marks of transactions, which have offsets and are never delivered.

    Raises
    ------
    aiokafka.errors.KafkaError, TimeoutError
        If no broker answers.
    """
    consumer = app.consumer
    ends: Mapping[TP, int] = await consumer.highwaters(*next_offsets)
    found: dict[TP, int] = {}
    for tp, next_offset in next_offsets.items():
        behind = max(0, ends[tp] - next_offset)
        is_undelivered = consumer._fetched_up_to.get(tp, 0) > next_offset  # noqa: SLF001 - our own ChunkConsumer
        if behind and not is_undelivered and await _position(consumer, tp) >= ends[tp]:
            behind = 0
        found[tp] = behind
    return found


async def _position(consumer: Any, tp: TP) -> int:
    try:
        return await consumer.position(tp) or 0
    except IllegalStateError:  # taken away meanwhile
        return 0
