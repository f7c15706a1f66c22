"""A header whose name is not UTF-8: no decent client sends it, Kafka takes it, no worker stumbles over it."""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from tests.broker import workers as w

pytestmark = pytest.mark.broker

_CRC_AT, _CRC_FROM = 17, 21
_GOOD_NAME, _ODD_NAME = "NAME", b"N\xff\xfeE"


def good(i: int) -> bytes:
    return json.dumps({"id": f"e{i}", "a": i / 10, "b": 0.5, "y": i % 2 == 0}).encode()


async def send_batches(bootstrap: str, topic: str, batches: list[list[tuple[bytes, bool]]]) -> None:
    """Send each list of (value, has the odd header) as one batch, its checksum right."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for records in batches:
            batch: Any = producer.create_batch()
            for value, is_odd in records:
                name = _GOOD_NAME if is_odd else "fine"
                batch.append(timestamp=None, key=None, value=value, headers=[(name, b"x")])
            content = bytearray(bytes(batch._build()).replace(_GOOD_NAME.encode(), _ODD_NAME))
            struct.pack_into(">I", content, _CRC_AT, calc_crc32c(bytes(content[_CRC_FROM:])))
            batch._buffer = content
            await (await producer.send_batch(batch, topic, partition=0))


def test_records_with_odd_header_names_are_read_like_any_other(tmp_path: Path, bootstrap: str) -> None:
    name = w.create_pipeline(tmp_path, bootstrap, partitions=1)
    batches = [
        [(good(0), False), (good(1), False)],
        [(good(2), False), (good(3), True), (b"nope", True), (good(5), False)],
        [(good(6), False), (good(7), True)],
    ]
    asyncio.run(send_batches(bootstrap, f"{name}.events", batches))

    with w.workers(tmp_path, bootstrap) as start:
        worker = start()
        topics = [f"{name}.predictions", f"{name}.dead"]
        w.until(
            lambda: worker.process.poll() or sum(w.end_offsets(bootstrap, t, 1) for t in topics) == 8,
            "each record has a result or a dead letter",
        )
        assert worker.terminate() == 0, worker.log_text()[-2_000:]

    results = [json.loads(m.value()) for m in w.consume(bootstrap, topics[0], 1)]
    (letter,) = w.consume(bootstrap, topics[1], 1)
    assert [r["source"]["offset"] for r in results] == [0, 1, 2, 3, 5, 6, 7]
    assert [r["model_step"] for r in results] == list(range(7))
    assert ("orig-N\\xff\\xfeE", b"x") in letter.headers()
