"""A running `headrace run`, its log lines and its workers; and what it leaves in Kafka."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka
import psutil

from tests.broker import workers as w

PARTITIONS = 3


class Run:
    """A `headrace run` process; ends with the test."""

    def __init__(self, folder: Path, bootstrap: str, *options: str, **env: str) -> None:
        self._err = folder / f"run-{random.getrandbits(32):x}.log"
        with self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "headrace", "run", "pipe.py", "--http-port", "0", *options],
                cwd=folder,
                env=w.environment(bootstrap) | env,
                stderr=err,
                stdin=subprocess.DEVNULL,
            )

    @property
    def text(self) -> str:
        return self._err.read_text()

    def lines(self) -> list[dict[str, Any]]:
        """Return its log lines and those of its workers, which have ``worker`` in them."""
        return w.logged(self.text)

    def events(self, name: str, worker: int | None = None) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines()
            if line.get("event") == name and (worker is None or line.get("worker") == worker)
        ]

    def until(self, name: str, n: int = 1, *, worker: int | None = None, deadline_s: float = 240.0) -> Any:
        """Wait for the *n*-th log line of this name and return it."""
        w.until(
            lambda: len(self.events(name, worker)) >= n or self.process.poll() is not None, name, deadline_s
        )
        assert len(self.events(name, worker)) >= n, self.text
        return self.events(name, worker)[n - 1]

    def pid_of(self, worker: int) -> int:
        """Return the process id of a worker's last start."""
        self.until("worker_starting", worker=worker)
        found: int = self.events("worker_starting", worker)[-1]["pid"]
        return found

    def get(self, worker: int, path: str) -> str:
        address = self.events("worker_starting", worker)[-1]["http"]
        with urllib.request.urlopen(address + path, timeout=30) as reply:
            text: str = reply.read().decode()
            return text

    def until_shared(self, n: int) -> None:
        """Wait until *n* workers hold a partition each."""

        def shared() -> bool:
            held = [self.events("assigned", i + 1) for i in range(n)]
            latest = [lines[-1]["partitions"] for lines in held if lines]
            return len(latest) == n and sorted(p for some in latest for p in some) == list(range(PARTITIONS))

        w.until(shared, "the partitions are shared", 240)

    def children(self) -> list[psutil.Process]:
        found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        return found

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self) -> None:
        if self.process.poll() is None:
            for process in [self.process, *self.children()]:
                process.kill()
        self.process.wait()


@contextmanager
def runs(folder: Path, bootstrap: str) -> Iterator[Callable[..., Run]]:
    """Yield a function that starts `headrace run`; nothing of it outlives the block."""
    started: list[Run] = []

    def start(*options: str, **env: str) -> Run:
        started.append(Run(folder, bootstrap, *options, **env))
        return started[-1]

    try:
        yield start
    finally:
        for run in started:
            run.close()


def events(first: int, last: int) -> list[bytes]:
    rng = random.Random(first)
    return [
        json.dumps({"id": f"e{i}", "a": (a := rng.gauss(0, 1)), "b": rng.random(), "y": a > 0}).encode()
        for i in range(first, last)
    ]


def produce(bootstrap: str, name: str, first: int, last: int) -> None:
    w.produce(bootstrap, f"{name}.events", events(first, last), PARTITIONS)


def n_results(bootstrap: str, name: str) -> int:
    return w.end_offsets(bootstrap, f"{name}.predictions", PARTITIONS)


def results(bootstrap: str, name: str) -> list[confluent_kafka.Message]:
    return w.consume(bootstrap, f"{name}.predictions", PARTITIONS)


def result_id(message: confluent_kafka.Message) -> str:
    found: str = dict(message.headers())["ce_id"].decode()
    return found


def committed(bootstrap: str, name: str) -> int:
    """Return how many events lie before the frontier."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    tps = [confluent_kafka.TopicPartition(f"{name}.events", partition) for partition in range(PARTITIONS)]
    found = consumer.committed(tps, timeout=10)
    consumer.close()
    return sum(max(0, tp.offset) for tp in found)


def assert_all_there(bootstrap: str, name: str, n: int, deadline_s: float = 240.0) -> None:
    """Wait until *n* events are before the frontier; each has its result, a duplicate the same bytes."""
    w.until(lambda: _committed_or_silent(bootstrap, name) == n, f"{n} events are done", deadline_s)
    found: dict[str, set[bytes]] = {}
    for message in results(bootstrap, name):
        found.setdefault(result_id(message), set()).add(message.value())
    assert len(found) == n
    assert max(map(len, found.values())) == 1


def _committed_or_silent(bootstrap: str, name: str) -> int:
    try:
        return committed(bootstrap, name)
    except confluent_kafka.KafkaException:
        return -1
