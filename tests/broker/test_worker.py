"""Real workers on a real Kafka: results, sharing, stopping, health, clear errors."""

from __future__ import annotations

import json
import random
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka
import pytest

from tests.broker import workers as w

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    return w.create_pipeline(tmp_path, bootstrap)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def event(i: int, rng: random.Random) -> bytes:
    a = rng.gauss(0, 1)
    return json.dumps({"id": f"e{i}", "a": a, "b": rng.random(), "y": a > 0}).encode()


def test_an_event_becomes_a_prediction_with_id_headers_and_source(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    start().until_ready()
    line = b'{"id":"x1","a":1.5,"b":0.5,"y":true}\n'
    sent = w.headrace("send", f"{name}.events", "--key", "id", cwd=tmp_path, bootstrap=bootstrap, stdin=line)
    assert sent.returncode == 0, sent.stderr
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.predictions", 2), "a prediction")

    [message] = w.consume(bootstrap, f"{name}.predictions", 2)

    value = json.loads(message.value())
    place = value["source"]
    assert value["event_id"] == "x1"
    assert value["model_step"] == 0
    assert place["topic"] == f"{name}.events"
    assert place["partition"] == message.partition()
    assert value["id"] == f"{name}/{name}.events/{place['partition']}/{place['offset']}/predict"
    assert message.key() == b"x1"
    headers = dict(message.headers())
    assert headers["ce_id"].decode() == value["id"]
    assert headers["ce_type"] == b"headrace.prediction.v1"
    assert headers["ce_specversion"] == b"1.0"


def test_two_workers_share_the_partitions_and_sigterm_hands_them_over(
    bootstrap: str, name: str, start: Start
) -> None:
    first = start()
    first.until_ready()
    second = start()

    w.until(lambda: second.events("assigned"), "the second worker owns partitions")
    second.until_ready()
    owned = [json.loads(worker.get("/ready")[1])["partitions"] for worker in (first, second)]
    assert sorted(owned[0] + owned[1]) == [0, 1]
    assert all(owned)

    assert second.terminate() == 0
    w.until(lambda: json.loads(first.get("/ready")[1])["partitions"] == [0, 1], "the first worker owns all")


def test_stopping_commits_everything_and_a_restart_gives_no_result_twice(
    bootstrap: str, name: str, start: Start
) -> None:
    rng = random.Random(1)
    events = [event(i, rng) for i in range(2_000)]
    w.produce(bootstrap, f"{name}.events", events[:1_000], 2)
    worker = start()
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.predictions", 2) > 200, "some results")
    assert worker.terminate() == 0
    w.produce(bootstrap, f"{name}.events", events[1_000:], 2)
    again = start()
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.predictions", 2) >= 2_000, "all results")
    assert again.terminate() == 0

    results = [json.loads(m.value()) for m in w.consume(bootstrap, f"{name}.predictions", 2)]

    assert len(results) == 2_000
    assert {r["event_id"] for r in results} == {f"e{i}" for i in range(2_000)}
    for partition in (0, 1):
        steps = [r["model_step"] for r in results if r["source"]["partition"] == partition]
        assert steps == list(range(1_000))  # the restarted model is the fold of the whole log


def test_metrics_count_what_happened_and_lag_is_what_kafka_says(
    bootstrap: str, name: str, start: Start
) -> None:
    rng = random.Random(2)
    worker = start()
    worker.until_ready()
    w.produce(bootstrap, f"{name}.events", [*(event(i, rng) for i in range(99)), b"bad"], 2)
    w.until(lambda: "dead_letters_total{" in worker.get("/metrics")[1], "the dead letter is counted")
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.predictions", 2) == 99, "all results")

    text = worker.get("/metrics")[1]

    assert f'headrace_events_processed_total{{outcome="both",pipeline="{name}"}} 99.0' in text
    assert f'headrace_dead_letters_total{{error="json",pipeline="{name}"}} 1.0' in text
    assert (
        f'headrace_consumer_lag_events{{partition="0",pipeline="{name}",topic="{name}.events"}} 0.0' in text
    )
    assert worker.get("/live")[0] == 200


def test_100_000_mixed_records_are_accounted_for_while_workers_join_and_leave(
    bootstrap: str, name: str, start: Start
) -> None:
    rng = random.Random(3)
    n, n_bad, n_tombstones = 100_000, 5_000, 100
    values: list[bytes | None] = [event(i, rng) for i in range(n - n_bad - n_tombstones)]
    values += [b'{"id":"bad%d","a":"x","b":1}' % i for i in range(n_bad)]
    values += [None] * n_tombstones
    rng.shuffle(values)
    first, second = start(), start()
    w.produce(bootstrap, f"{name}.events", values[: n // 2], 2)
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.predictions", 2) > 1_000, "results")
    third = start()
    w.until(lambda: third.events("assigned"), "the third worker joined")
    w.produce(bootstrap, f"{name}.events", values[n // 2 :], 2)
    assert first.terminate() == 0

    def results() -> tuple[list[confluent_kafka.Message], list[confluent_kafka.Message]]:
        return w.consume(bootstrap, f"{name}.predictions", 2), w.consume(bootstrap, f"{name}.dead", 2)

    def ids(messages: list[confluent_kafka.Message]) -> set[str]:
        return {dict(m.headers())["ce_id"].decode() for m in messages}

    w.until(
        lambda: (
            w.end_offsets(bootstrap, f"{name}.predictions", 2) >= n - n_bad - n_tombstones
            and w.end_offsets(bootstrap, f"{name}.dead", 2) >= n_bad
        ),
        "all results",
        60,
    )
    assert second.terminate() == 0
    assert third.terminate() == 0
    predictions, dead = results()
    assert len(ids(predictions)) == n - n_bad - n_tombstones
    assert len(ids(dead)) == n_bad
    bytes_by_id: dict[str, set[bytes]] = {}
    for message in [*predictions, *dead]:
        bytes_by_id.setdefault(dict(message.headers())["ce_id"].decode(), set()).add(message.value())
    assert max(map(len, bytes_by_id.values())) == 1  # a duplicate has the same bytes
    reasons = Counter(json.loads(m.value())["error"]["type"] for m in dead)
    assert set(reasons) == {"type"}


def refused(tmp_path: Path, bootstrap: str, *arguments: str) -> tuple[int, str]:
    done = w.headrace(*arguments, cwd=tmp_path, bootstrap=bootstrap)
    return done.returncode, done.stderr.decode()


def test_a_missing_topic_is_named_with_the_command_that_creates_it(tmp_path: Path, bootstrap: str) -> None:
    w.write_pipeline(tmp_path, f"t{random.getrandbits(40):x}")
    code, text = refused(tmp_path, bootstrap, "worker", "pipe.py", "--http-port", "0")
    assert code == 4
    assert "does not exist" in text
    assert "headrace topics create pipe.py" in text


def test_a_wrong_number_of_partitions_is_named(tmp_path: Path, bootstrap: str, name: str) -> None:
    w.write_pipeline(tmp_path, name, partitions=3)
    code, text = refused(tmp_path, bootstrap, "worker", "pipe.py", "--http-port", "0")
    assert code == 4
    assert "has 2 partitions, expected 3" in text


def test_a_port_in_use_is_named(tmp_path: Path, bootstrap: str, name: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        code, text = refused(tmp_path, bootstrap, "worker", "pipe.py", "--http-port", str(port))
    assert code == 1
    assert f"port {port} on 127.0.0.1 cannot be used" in text
    assert "fix" in text


def test_a_group_taken_by_another_program_is_refused(tmp_path: Path, bootstrap: str, name: str) -> None:
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    consumer.subscribe([f"{name}.events"])
    w.until(lambda: consumer.poll(0.1) is None and consumer.assignment(), "the other program holds the group")

    code, text = refused(tmp_path, bootstrap, "worker", "pipe.py", "--http-port", "0")
    consumer.close()

    assert code == 1
    assert f"consumer group {name!r} is taken" in text


def test_an_unknown_module_and_a_broken_pipeline_are_usage_errors(tmp_path: Path, bootstrap: str) -> None:
    (tmp_path / "broken.py").write_text("import headrace as hr\nhr.Pipeline('a b', source=1, models={})\n")
    code, text = refused(tmp_path, bootstrap, "worker", "nowhere.pipelines")
    assert (code, "there is no module 'nowhere.pipelines'" in text) == (2, True)
    code, text = refused(tmp_path, bootstrap, "show", "broken.py")
    assert (code, "name: 'a b' is not valid as a topic name" in text) == (2, True)


def test_a_command_without_a_broker_exits_with_3(tmp_path: Path) -> None:
    code, text = refused(tmp_path, "127.0.0.1:1", "topics", "ls")
    assert code == 3
    assert "no Kafka broker answers at 127.0.0.1:1" in text


def test_a_worker_waits_for_an_absent_broker_and_can_be_stopped(tmp_path: Path) -> None:
    w.write_pipeline(tmp_path, "waiting")
    with w.workers(tmp_path, "127.0.0.1:1") as start:
        worker = start()
        w.until(lambda: worker.events("broker_unreachable"), "it says that it waits")
        assert worker.get("/live")[0] == 200
        assert worker.get("/ready")[0] == 503
        assert worker.terminate() == 0


def test_worker_writes_nothing_but_its_key_into_the_folder_it_runs_in(
    tmp_path: Path, name: str, start: Start
) -> None:
    worker = start()
    worker.until_ready()
    assert worker.terminate() == 0
    names = {path.name for path in tmp_path.iterdir() if not path.name.startswith("worker-")}
    assert names <= {"pipe.py", "__pycache__", ".headrace"}
    assert {path.name for path in (tmp_path / ".headrace").iterdir()} == {"keys.json", "keys.json.lock"}


def test_help_of_every_command_has_an_example() -> None:
    listed = subprocess.run([sys.executable, "-m", "headrace", "--help"], capture_output=True, check=True)
    assert b"Exit codes" in listed.stdout
