"""A worker that was killed comes back from its snapshots, and nobody can tell from the results."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka
import pytest

from headrace.fold import Fold
from headrace.loading import load_pipeline
from tests.broker import workers as w
from tests.folding import Kept

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]

OFTEN = {"HEADRACE_SNAPSHOT_INTERVAL_S": "0.3", "HEADRACE_COMMIT_INTERVAL_S": "0.2"}
PARTITIONS = 2


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    return w.create_pipeline(tmp_path, bootstrap, partitions=PARTITIONS)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def events(first: int, n: int) -> list[bytes]:
    chance = random.Random(first)
    rows = [{"id": f"e{first + i}", "a": chance.gauss(0, 1), "b": chance.random()} for i in range(n)]
    return [json.dumps(row | {"y": row["a"] > 0}).encode() for row in rows]


def send(bootstrap: str, name: str, first: int, n: int) -> None:
    w.produce(bootstrap, f"{name}.events", events(first, n), PARTITIONS)


def expected(bootstrap: str, name: str, folder: Path) -> dict[bytes, bytes]:
    """Return the value of every result by id: the log folded here, in one go, by nobody's worker."""
    pipeline = load_pipeline(str(folder / "pipe.py"))
    found: dict[bytes, bytes] = {}

    def emit(result_id: str, _: bytes | None, value: bytes, __: object) -> None:
        found[result_id.encode()] = value

    log: dict[int, list[Kept]] = {}
    for message in w.consume(bootstrap, f"{name}.events", PARTITIONS):
        record = Kept(message.offset() or 0, message.value(), message.key())
        log.setdefault(message.partition() or 0, []).append(record)
    for partition, records in log.items():
        Fold(pipeline, f"{name}.events", partition).step_chunk(records, emit, emit)
    return found


def results(messages: list[confluent_kafka.Message]) -> list[tuple[bytes, bytes]]:
    return [(dict(m.headers() or [])["ce_id"], m.value() or b"") for m in messages]


def until_results(bootstrap: str, name: str, n: int) -> None:
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.predictions", PARTITIONS) >= n, f"{n} results")


def until_snapshots(worker: w.WorkerProcess, n: float) -> None:
    def written() -> bool:
        lines = worker.get("/metrics")[1].splitlines()
        counts = [float(x.split()[-1]) for x in lines if x.startswith("headrace_snapshots_written_total{")]
        return sum(counts) >= n

    w.until(written, f"{n} snapshots")


def test_after_sigkill_another_worker_goes_on_from_a_snapshot_and_the_results_are_those_of_one_fold(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    first = start(**OFTEN)
    first.until_ready()
    send(bootstrap, name, 0, 3000)
    until_results(bootstrap, name, 3000)
    until_snapshots(first, PARTITIONS)
    send(bootstrap, name, 3000, 500)
    first.process.kill()
    first.process.wait()

    second = start(**OFTEN)
    second.until_ready()
    send(bootstrap, name, 3500, 1000)

    want = expected(bootstrap, name, tmp_path)
    w.until(
        lambda: {i for i, _ in results(w.consume(bootstrap, f"{name}.predictions", PARTITIONS))} == set(want),
        "a result for every event",
    )
    found = results(w.consume(bootstrap, f"{name}.predictions", PARTITIONS))
    assert dict(found) == want
    assert set(found) == set(want.items()), "duplicates have the same bytes"
    recovered = second.events("partition_recovered")
    assert {line["how"] for line in recovered} == {"snapshot"}, recovered
    assert all(line["next_offset"] > 0 for line in recovered)


def test_a_damaged_snapshot_is_said_and_the_one_before_is_used(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    first = start(**OFTEN)
    first.until_ready()
    for i in range(3):
        send(bootstrap, name, 1000 * i, 1000)
        until_results(bootstrap, name, 1000 * (i + 1))
        until_snapshots(first, PARTITIONS * (i + 1))
    assert first.terminate() == 0
    newest = {m.partition(): m for m in w.consume(bootstrap, f"{name}.snapshots", PARTITIONS)}
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap})
    for partition, message in newest.items():
        value = message.value() or b""
        producer.produce(
            f"{name}.snapshots", value[:-1] + bytes([value[-1] ^ 1]), message.key(), partition=partition or 0
        )
    assert producer.flush(10) == 0

    second = start(**OFTEN)
    second.until_ready()
    send(bootstrap, name, 3000, 100)
    until_results(bootstrap, name, 3100)

    assert [line["reason"] for line in second.events("snapshot_refused")] == ["corrupt"] * PARTITIONS
    assert {line["how"] for line in second.events("partition_recovered")} == {"snapshot"}
    assert 'headrace_snapshots_refused_total{pipeline="' in second.get("/metrics")[1]
    assert dict(results(w.consume(bootstrap, f"{name}.predictions", PARTITIONS))) == expected(
        bootstrap, name, tmp_path
    )


def test_stopping_writes_the_state_down_so_that_nothing_is_replayed(
    bootstrap: str, name: str, start: Start
) -> None:
    first = start()
    first.until_ready()
    send(bootstrap, name, 0, 1000)
    until_results(bootstrap, name, 1000)
    assert first.terminate() == 0

    second = start()
    second.until_ready()

    recovered = second.events("partition_recovered")
    assert [line["replay"] for line in recovered] == [0] * PARTITIONS
    assert sum(line["next_offset"] for line in recovered) == 1000


def test_a_standby_takes_over_with_the_state_it_kept_ready(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    options = {**OFTEN, "HEADRACE_STANDBYS": "1"}
    owner = start(**options)
    owner.until_ready()
    standby = start(**options)
    w.until(lambda: standby.events("assigned"), "the second worker is a member")
    send(bootstrap, name, 0, 1000)
    until_results(bootstrap, name, 1000)
    until_snapshots(owner, 1)
    w.until(lambda: standby.events("standby_ready"), "the standby has restored a state")
    owner.process.kill()
    owner.process.wait()
    w.until(lambda: len(standby.events("assigned")) > 1, "the standby takes over")
    standby.until_ready()
    send(bootstrap, name, 1000, 500)

    want = expected(bootstrap, name, tmp_path)
    w.until(
        lambda: {i for i, _ in results(w.consume(bootstrap, f"{name}.predictions", PARTITIONS))} == set(want),
        "a result for every event",
    )
    assert dict(results(w.consume(bootstrap, f"{name}.predictions", PARTITIONS))) == want
    taken_over = standby.events("partition_recovered")[-PARTITIONS:]
    assert "warm" in {line["how"] for line in taken_over}, taken_over


def test_what_a_producer_took_back_was_never_in_the_log(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    worker = start(**OFTEN)
    worker.until_ready()
    producer = confluent_kafka.Producer({"bootstrap.servers": bootstrap, "transactional.id": name})
    producer.init_transactions(10)
    for first, keep in ((0, True), (100, False), (200, True)):
        producer.begin_transaction()
        for i, value in enumerate(events(first, 100)):
            producer.produce(f"{name}.events", value, partition=i % PARTITIONS)
        producer.flush(10)
        (producer.commit_transaction if keep else producer.abort_transaction)(10)
    until_results(bootstrap, name, 200)
    w.until(lambda: worker.get("/ready")[0] == 200, "it is ready")

    found = [
        json.loads(value) for _, value in results(w.consume(bootstrap, f"{name}.predictions", PARTITIONS))
    ]

    numbers = sorted(int(result["event_id"][1:]) for result in found)
    assert numbers == [*range(100), *range(200, 300)]
    assert "headrace_consumer_lag_events" in worker.get("/metrics")[1]
