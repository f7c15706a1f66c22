"""Real worker processes, and an independent client that judges what they did."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka

from agents.pipeline_topics import topic_specs
from headrace.loading import load_pipeline
from streams import client, topics

PIPELINE = """
import headrace as hr
from river import linear_model, preprocessing


class Reading(hr.Event):
    id: str
    a: float
    b: float
    text: str = ""
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, key="id", partitions={partitions}),
    target="y",
    models=lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
    features=["a", "b"],
)
"""


def headrace(
    *arguments: str, cwd: Path, bootstrap: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    """Run the command and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", "headrace", *arguments],
        cwd=cwd,
        env=environment(bootstrap),
        capture_output=True,
        timeout=240,
        input=stdin,
        check=False,
    )


def environment(bootstrap: str) -> dict[str, str]:
    root = str(Path(__file__).parents[2])
    return {
        **os.environ,
        "HEADRACE_BOOTSTRAP": bootstrap,
        "HEADRACE_SESSION_TIMEOUT_S": "6",
        "PYTHONPATH": root,
    }


def logged(text: str) -> list[dict[str, Any]]:
    """Return the whole lines of a log; the last may still be in the writing."""
    lines = text[: text.rfind("\n") + 1].splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


class WorkerProcess:
    """One `headrace worker` with its web server."""

    def __init__(
        self, cwd: Path, bootstrap: str, target: str = "pipe.py", env: Mapping[str, str] | None = None
    ) -> None:
        self._log = (cwd / f"worker-{time.monotonic_ns()}.log").open("w+b")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "headrace", "worker", target, "--http-port", "0"],
            cwd=cwd,
            env=environment(bootstrap) | dict(env or {}),
            stderr=self._log,
            stdin=subprocess.DEVNULL,
        )

    def log_lines(self) -> list[dict[str, Any]]:
        text = Path(self._log.name).read_text()
        return logged(text)

    def log_text(self) -> str:
        return Path(self._log.name).read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log_lines() if line.get("event") == name]

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page of the worker's web server."""
        until(lambda: self.events("worker_starting"), "the worker says where it listens")
        try:
            with urllib.request.urlopen(
                self.events("worker_starting")[0]["http"] + path, timeout=30
            ) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def until_ready(self) -> None:
        until(lambda: self.process.poll() is not None or self.get("/ready")[0] == 200, "the worker is ready")
        assert self.process.poll() is None, self.log_text()

    def terminate(self) -> int:
        """End it with SIGTERM and return its exit code."""
        self.process.terminate()
        return self.process.wait(15)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()


@contextmanager
def workers(cwd: Path, bootstrap: str) -> Iterator[Callable[..., WorkerProcess]]:
    """Yield a function that starts workers; all are ended in any case."""
    started: list[WorkerProcess] = []

    def start(target: str = "pipe.py", **env: str) -> WorkerProcess:
        started.append(WorkerProcess(cwd, bootstrap, target, env))
        return started[-1]

    try:
        yield start
    finally:
        for worker in started:
            worker.close()


def write_pipeline(folder: Path, name: str, partitions: int = 2) -> Path:
    path = folder / "pipe.py"
    path.write_text(PIPELINE.format(name=name, partitions=partitions))
    return path


def create_pipeline(folder: Path, bootstrap: str, template: str = PIPELINE, partitions: int = 2) -> str:
    """Write pipe.py with a pipeline whose name no other has, make its topics, and return the name."""
    name = f"t{random.getrandbits(40):x}"
    path = folder / "pipe.py"
    path.write_text(template.format(name=name, partitions=partitions))
    create_topics(path, bootstrap)
    return name


def create_topics(path: Path, bootstrap: str) -> None:
    """Do what ``headrace topics create`` does, in this process: that saves seconds."""
    before = sys.path[:]
    try:
        specs = topic_specs(load_pipeline(str(path)))
    finally:
        sys.path[:] = before

    async def make() -> None:
        async with client.admin(bootstrap) as admin:
            await topics.create(admin, specs)

    asyncio.run(make())


def until(condition: Callable[[], Any], what: str, deadline_s: float = 240.0) -> Any:
    end = time.monotonic() + deadline_s
    while True:
        if found := condition():
            return found
        assert time.monotonic() < end, f"not in {deadline_s} s: {what}"
        time.sleep(0.02)  # between polls


def produce(
    bootstrap: str, topic: str, values: Sequence[bytes | None], partitions: int, **options: Any
) -> None:
    """Send *values* round robin over the partitions with a client of another family."""
    producer = confluent_kafka.Producer(
        {
            "bootstrap.servers": bootstrap,
            "message.max.bytes": 20_000_000,
            "queue.buffering.max.messages": 500_000,
        }
    )
    errors: list[Any] = []

    def note(error: Any, _: Any) -> None:
        if error is not None:
            errors.append(error)

    for i, value in enumerate(values):
        producer.produce(topic, value, partition=i % partitions, on_delivery=note, **options)
        producer.poll(0)
    assert producer.flush(240) == 0
    assert not errors, errors[:3]  # librdkafka counts what was refused as flushed


def consume(
    bootstrap: str, topic: str, partitions: int, isolation: str = "read_uncommitted"
) -> list[confluent_kafka.Message]:
    """Return all records of *topic* up to its present end."""
    consumer = confluent_kafka.Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "judge",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": isolation,
        }
    )
    first = confluent_kafka.OFFSET_BEGINNING
    tps = [confluent_kafka.TopicPartition(topic, p, first) for p in range(partitions)]
    consumer.assign(tps)
    found: list[confluent_kafka.Message] = []
    at_end: set[int | None] = set()  # of transactions, markers count as offsets and are no messages
    deadline = time.monotonic() + 240
    while len(at_end) < partitions and time.monotonic() < deadline:
        for message in consumer.consume(10_000, timeout=0.5):
            if message.error() is None:
                found.append(message)
            elif message.error().code() == confluent_kafka.KafkaError._PARTITION_EOF:
                at_end.add(message.partition())
    consumer.close()
    return found


def consume_committed(bootstrap: str, topic: str, partitions: int) -> list[confluent_kafka.Message]:
    """Return what a reader of committed transactions sees of *topic*."""
    return consume(bootstrap, topic, partitions, "read_committed")


def end_offsets(bootstrap: str, topic: str, partitions: int) -> int:
    """Return the number of records of *topic*."""
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": "judge"})
    tps = [confluent_kafka.TopicPartition(topic, p) for p in range(partitions)]
    total = sum(consumer.get_watermark_offsets(tp, timeout=60)[1] for tp in tps)
    consumer.close()
    return total
