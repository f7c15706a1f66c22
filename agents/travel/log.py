"""Reading ranges of a log as fast as it comes: no group, large fetches, light records."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from headrace.errors import BrokerUnreachableError
from streams import client, fetched

FETCH_BYTES = 4 << 20
"""A fetch of one partition; several times what a live worker asks for."""

SILENCE_S = 30.0
"""How long the brokers may send nothing before the end of a range is reached."""

_POLL_MS = 500


@asynccontextmanager
async def reader(bootstrap: str, topic: str, **options: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a consumer without a group whose records of *topic* are as a live worker's."""
    fetched.install(fetched.HotRecords.hot_topics | {topic})
    async with client.reader(
        bootstrap,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=8 * FETCH_BYTES,
        **options,
    ) as consumer:
        await asyncio.sleep(0)  # aiokafka cannot stop what it has not begun: nothing may be left to read
        yield consumer


async def bounds(consumer: AIOKafkaConsumer, topic: str, partition: int) -> tuple[int, int]:
    """Return the first offset of a partition and the one after its last."""
    tp = TopicPartition(topic, partition)
    return (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]


async def read(
    consumer: AIOKafkaConsumer, topic: str, ranges: Mapping[int, tuple[int, int]]
) -> AsyncIterator[tuple[int, Sequence[Any]]]:
    """Yield partition and records of each fetch; *ranges* are first offset and offset to stop before.

    Raises
    ------
    BrokerUnreachableError
        If nothing comes for `SILENCE_S`.
    """
    stops = {TopicPartition(topic, p): stop for p, (start, stop) in ranges.items() if stop > start}
    if not stops:
        return
    consumer.assign(list(stops))
    for tp in stops:
        consumer.seek(tp, ranges[tp.partition][0])
    heard_at = time.monotonic()
    while stops:
        for tp, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
            yield tp.partition, _before(records, stops[tp]) if tp in stops else []
            heard_at = time.monotonic()
        for tp in list(stops):
            if await consumer.position(tp) >= stops[tp]:  # not the last record's: markers have offsets too
                consumer.pause(tp)
                del stops[tp]
                heard_at = time.monotonic()
        if time.monotonic() - heard_at > SILENCE_S:
            raise BrokerUnreachableError(
                f"the brokers sent nothing of {topic} for {SILENCE_S:.0f} s",
                why=f"partitions {', '.join(str(tp.partition) for tp in stops)} are not read to their end",
                fix="headrace doctor TARGET   says what does answer",
            )


def _before(records: Sequence[Any], stop: int) -> Sequence[Any]:
    if not records or records[-1].offset < stop:
        return records
    return [record for record in records if record.offset < stop]
