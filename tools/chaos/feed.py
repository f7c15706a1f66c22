"""A steady, seeded stream of records: good ones, bad ones, tombstones, some without a label."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter

from confluent_kafka import KafkaError, Message, Producer

TICK_S = 0.02
FLUSH_S = 300.0
"""So long may the last records wait for their acknowledgement: all brokers may be away meanwhile."""

BAD = (
    b'{"id": "cut short',
    b'{"id": "x", "a": 1.0, "b": NaN, "kind": "k"}',
    b'{"id": "x", "a": "one", "b": 1.0, "kind": "k"}',
    b'{"id": "x", "id": "y", "a": 1.0, "b": 1.0, "kind": "k"}',
    b'{"id": "x", "a": 1e300, "b": 1.0, "kind": "k"}',
    b'{"id": "x", "a": 1.0, "b": 1.0, "kind": "k", "deep": ' + b"[" * 3_000 + b"]" * 3_000 + b"}",
    b"\xff\xfe not utf-8",
    b"",
)


def record(seed: int, n: int) -> tuple[bytes, bytes | None]:
    """Return key and value of the *n*-th record of the stream *seed*: one in 50 is bad, one in 100 empty."""
    rng = random.Random(f"{seed}/{n}")  # noqa: S311 - not for secrets
    key = b"k%d" % rng.randrange(50)
    chance = rng.random()
    if chance < 0.02:
        return key, rng.choice(BAD)
    if chance < 0.03:
        return key, None
    a, b = rng.gauss(0, 1), rng.gauss(0, 1)
    event = {"id": f"e{n}", "a": round(a, 6), "b": round(b, 6), "kind": key.decode()}
    if chance < 0.9:
        event["y"] = (a * a + b > 0.5) != (rng.random() < 0.05)
    return key, json.dumps(event).encode()


class Feed:
    """Sends records at a steady rate until it is stopped; every one is acknowledged by all replicas.

    Parameters
    ----------
    partitions
        Records go to all in turn, by their number: the log of a partition follows from the seed.
    rate
        Records per second.

    Attributes
    ----------
    sent, acked
        How many.
    failures
        What became of those that were not acknowledged; must stay empty.
    """

    def __init__(self, bootstrap: str, topic: str, partitions: int, *, seed: int, rate: float) -> None:
        self.sent = 0
        self.acked = 0
        self.failures: Counter[str] = Counter()
        self._topic = topic
        self._partitions = partitions
        self._seed = seed
        self._rate = rate
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 5,
                "message.timeout.ms": int(FLUSH_S * 1000),
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 0,
            }
        )
        self._thread = threading.Thread(target=self._run, name="feed")

    def start(self) -> None:
        """Begin to send, in a thread."""
        self._thread.start()

    def abandon(self) -> None:
        """End, whatever becomes of what is on its way."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def stop(self) -> int:
        """End, wait until all is acknowledged, and return how many were."""
        self.abandon()
        left = self._producer.flush(FLUSH_S)
        if left or self.failures or self.acked != self.sent:
            failed = f"{left} waiting, failed: {dict(self.failures)}"
            raise RuntimeError(f"{self.sent} records sent, {self.acked} acknowledged, {failed}")
        return self.acked

    def send(self, n: int) -> None:
        """Send the next *n* records at once."""
        for _ in range(n):
            key, value = record(self._seed, self.sent)
            self._producer.produce(
                self._topic, value, key, partition=self.sent % self._partitions, on_delivery=self._delivered
            )
            self.sent += 1
        self._producer.poll(0)

    def _run(self) -> None:
        started, n_before = time.monotonic(), self.sent
        while not self._stopping.wait(TICK_S):
            due = int((time.monotonic() - started) * self._rate) + n_before - self.sent
            self.send(min(due, max(1, int(self._rate))))

    def _delivered(self, error: KafkaError | None, _: Message) -> None:
        if error is None:
            self.acked += 1
        else:
            self.failures[error.name()] += 1
