"""Reads a result topic and prints how long each result took since its event was sent."""

from __future__ import annotations

import json
import re
import sys
import time

from common import PARTITIONS, arguments
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

SENT_AT = re.compile(rb'"(\d{19})"')
SILENCE_S = 15.0
"""Give up after this long without a result."""


def main() -> None:
    """Print the latencies in milliseconds, of the events sent after the first seconds."""
    asked = arguments()
    consumer = Consumer(
        {"bootstrap.servers": asked.bootstrap, "group.id": "bench.watch", "fetch.wait.max.ms": 20}
    )
    consumer.assign([TopicPartition(asked.results, i, OFFSET_BEGINNING) for i in range(PARTITIONS)])
    seen: list[tuple[int, int]] = []
    last = time.monotonic()
    while len(seen) < asked.events and time.monotonic() - last < SILENCE_S:
        record = consumer.poll(0.1)
        if record is not None and record.error() is None:
            found = SENT_AT.search(record.value())
            seen.append((int(found.group(1)) if found else 0, time.time_ns()))
            last = time.monotonic()
    consumer.close()
    begin = min((sent for sent, _ in seen), default=0) + int(asked.skip_s * 1e9)
    latencies = [(at - sent) / 1e6 for sent, at in seen if sent >= begin]
    sys.stdout.write(json.dumps({"seen": len(seen), "latencies_ms": latencies}) + "\n")


if __name__ == "__main__":
    main()
