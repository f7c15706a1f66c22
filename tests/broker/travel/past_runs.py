"""What a live run leaves in Kafka, made without a worker: as it would be, or wrong where asked."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka
import confluent_kafka.admin
import pytest
from click.testing import CliRunner, Result

from agents.cli import cli
from agents.ownership import keyring, sealer
from agents.sealing import Sealer
from headrace.fold import Fold
from headrace.loading import load_pipeline
from headrace.settings import Settings
from schemas.decisions import Decision, Epoch
from streams import client, topics
from streams.decisions import encode
from streams.kafka_ports import TailReader
from streams.snapshot_topic import SnapshotTopic
from tests.broker import workers as w

Run = Callable[..., Result]

Ask = Callable[..., Any]
"""Runs a command that succeeds and returns what it says as JSON."""

SGD = "linear_model.LogisticRegression()"
OTHER = "linear_model.LogisticRegression(l2=0.1)"


class Kept(NamedTuple):
    """A record as the fold reads it."""

    offset: int
    value: bytes | None
    key: bytes | None = None
    timestamp: int = 1_700_000_000_000
    headers: Sequence[tuple[str, bytes | None]] = ()


class PastRun:
    """Partition 0 of a pipeline: records in, results and snapshots out, all of it committed.

    The pipeline is the one of `workers.write_pipeline`, in the folder that is the current one.
    """

    def __init__(self, bootstrap: str, name: str, target: str = "pipe.py") -> None:
        self.bootstrap = bootstrap
        self.name = name
        self.pipeline = load_pipeline(target)
        self.topic = self.pipeline.log.name
        self.settings = Settings(bootstrap=bootstrap)
        self.sealing: Sealer = sealer(self.pipeline, self.settings, keyring(self.settings))
        self.fold = Fold(self.pipeline, self.topic, 0)
        self.values: list[bytes | None] = []
        self.sequence = 0
        self.epoch = -1
        self.decision = -1

    def own(self) -> None:
        """Take the partition over, as a worker does that is given it."""
        version = self.pipeline.version
        record = Epoch(self.name, 0, self.fold.next_offset, "a-worker", version=version)
        self.epoch = self._journal(encode(record))

    def feed(self, values: Sequence[bytes | None], *, skip: int | None = None) -> None:
        """Add records to the log, fold them, publish the results; one at offset *skip* is not learned."""
        w.produce(self.bootstrap, self.topic, values, 1)
        said: list[tuple[str, bytes]] = []
        for value in values:
            record = Kept(len(self.values), value)
            self.values.append(value)
            if record.offset == skip:
                self.fold.next_offset += 1
                continue
            self.fold.step_chunk([record], lambda i, k, v, r: said.append((i, v)), lambda i, k, v, r: None)
        self._publish(said)
        self.commit(len(self.values))

    def _publish(self, said: Sequence[tuple[str, bytes]]) -> None:
        producer = confluent_kafka.Producer({"bootstrap.servers": self.bootstrap})
        for result_id, value in said:
            headers = [("ce_id", result_id.encode())]
            producer.produce(topics.predictions_topic(self.name), value, partition=0, headers=headers)
        assert producer.flush(30) == 0

    def commit(self, offset: int) -> None:
        """Commit as a worker of the group does."""
        consumer = confluent_kafka.Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.name})
        consumer.commit(offsets=[confluent_kafka.TopicPartition(self.topic, 0, offset)], asynchronous=False)
        consumer.close()

    def blob(self, **facts: Any) -> bytes:
        """Return the present state, sealed."""
        capture = self.fold.capture(whole=True)
        while not capture.advance(1.0):
            pass
        given = {"epoch": self.epoch, "decision": self.decision, "sequence": self.sequence, **facts}
        header, blob = self.sealing.seal(self.fold, capture, given)
        capture.close(written=True)
        self.sequence = header.sequence + 1
        return blob

    def snapshot(self, slot: str | None = None, blob: bytes | None = None, **facts: Any) -> str:
        """Write the present state down, or *blob*; return the id of the snapshot."""
        slot = slot or f"live-{self.sequence % 4}"
        made = self.blob(**facts) if blob is None else blob
        self.write(slot, made)
        return self.sealing.header_of(made, self.topic, 0).id

    def write(self, slot: str, blob: bytes) -> None:
        """Write *blob* to the topic of snapshots."""

        async def write() -> None:
            async with client.reader(self.bootstrap) as reader, client.producer(self.bootstrap) as producer:
                topic = topics.snapshots_topic(self.name)
                await SnapshotTopic(topic, TailReader(reader), lambda: producer).write(0, slot, blob)

        asyncio.run(write())

    def decide(self, slot: str, blob: bytes, action: Any, excluded: Any = ()) -> None:
        """Let the models become those of *blob* from here on."""
        self.write(slot, blob)
        version, at = self.pipeline.version, self.fold.next_offset
        record = Decision(slot, self.epoch, at, action, slot, excluded, version=version)
        self.decision = self._journal(encode(record))
        self.fold.adopt_models(self.sealing.load([blob])[1])

    def results(self, run: str | None = None) -> list[dict[str, Any]]:
        """Return what a run published of partition 0."""
        found = w.consume(self.bootstrap, topics.predictions_topic(run or self.name), 1)
        return [json.loads(message.value() or b"") for message in found]

    def _journal(self, value: bytes) -> int:
        w.produce(self.bootstrap, topics.decisions_topic(self.name), [value], 1)
        return w.end_offsets(self.bootstrap, topics.decisions_topic(self.name), 1) - 1


def runner(folder: Path, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return how to run a command in this process, in a folder of its own."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HEADRACE_BOOTSTRAP", bootstrap)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return lambda *argv, stdin=None: CliRunner().invoke(cli, list(argv), input=stdin)


def told(result: Result, code: int = 0) -> Any:
    """Return what a command printed as JSON, after it ended with *code*."""
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def declared(folder: Path, run: Run) -> str:
    """Write a fresh pipeline with two partitions to ``pipe.py``, make its topics, return its name."""
    name = f"t{random.getrandbits(40):x}"
    w.write_pipeline(folder, name)
    assert run("topics", "create", "pipe.py").exit_code == 0
    return name


def delete_before(past: PastRun, offset: int) -> None:
    """Let retention delete the records of the log before *offset*."""
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": past.bootstrap})
    tp = confluent_kafka.TopicPartition(past.topic, 0, offset)
    for done in admin.delete_records([tp]).values():
        done.result(10)


def make_topic(bootstrap: str, topic: str) -> None:
    """Make a topic with one partition."""
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([confluent_kafka.admin.NewTopic(topic, 1, 1)])[topic].result(10)
    w.until(lambda: topic in admin.list_topics(timeout=60).topics, "the topic is known")


def events(n: int, seed: int = 1) -> list[bytes]:
    """Return *n* events with labels."""
    chance = random.Random(seed)
    found = []
    for i in range(n):
        a, b = chance.gauss(0, 1), chance.random()
        found.append(json.dumps({"id": f"e{seed}.{i}", "a": a, "b": b, "y": a + b > 0.5}).encode())
    return found


def grow(past: PastRun, n: int = 3, each: int = 100) -> list[str]:
    """Feed *n* times *each* events, each time a snapshot in another slot; return their ids."""
    ids = []
    for i in range(n):
        past.feed(events(each, seed=i))
        ids.append(past.snapshot(f"live-{i}"))
    return ids


def fold_of(run: PastRun, values: Sequence[bytes | None], without: Sequence[int] = ()) -> Fold:
    """Return an undisturbed fold of *values*, less some offsets."""
    fold = Fold(run.pipeline, run.topic, 0)
    records = [Kept(i, value) for i, value in enumerate(values) if i not in without]
    fold.step_chunk(records, lambda i, k, v, r: None, lambda i, k, v, r: None)
    return fold


def write_other(folder: Path, name: str, text: str, replaced: str, version: int = 2) -> None:
    """Write another declaration on the same log to ``other.py``: *replaced* instead of *text*."""
    source = w.PIPELINE.format(name=name, partitions=2)
    assert text in source
    changed = source.replace(text, replaced).replace(
        '    target="y",', f'    target="y",\n    version={version},'
    )
    (folder / "other.py").write_text(changed)
