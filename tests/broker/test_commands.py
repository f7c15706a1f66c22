"""The commands on a real Kafka: what they print for people, for programs, and when it goes wrong."""

from __future__ import annotations

import json
import random
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import confluent_kafka
import confluent_kafka.admin
import pytest
from click.testing import CliRunner, Result

from agents.cli import cli
from tests.broker import workers as w

pytestmark = pytest.mark.broker

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADRACE_BOOTSTRAP", bootstrap)
    monkeypatch.setattr(sys, "path", [*sys.path])
    return lambda *argv, stdin=None: CliRunner().invoke(cli, list(argv), input=stdin)


@pytest.fixture
def name(tmp_path: Path, run: Run) -> str:
    """Name of a fresh pipeline in pipe.py with two partitions, its topics created."""
    name = f"c{random.getrandbits(40):x}"
    w.write_pipeline(tmp_path, name)
    assert run("topics", "create", "pipe.py").exit_code == 0
    return name


def start(tmp_path: Path, bootstrap: str, *argv: str, **options: Any) -> subprocess.Popen[bytes]:
    """Start a command as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "headrace", *argv],
        cwd=tmp_path,
        env=w.environment(bootstrap),
        stderr=subprocess.PIPE,
        **options,
    )


def events(n: int) -> list[bytes]:
    return [json.dumps({"id": f"e{i}", "a": i, "b": 0.5, "y": i % 2 == 0}).encode() for i in range(n)]


def test_send_publishes_the_lines_of_a_file_with_keys(run: Run, name: str, bootstrap: str) -> None:
    Path("events.jsonl").write_bytes(b"\n".join(events(5)) + b"\n\n")

    result = run("send", f"{name}.events", "events.jsonl", "--key", "id")

    got = w.consume(bootstrap, f"{name}.events", 2)
    assert result.stdout == f"sent 5 records to {name}.events\n"
    assert result.stderr == ""
    assert sorted(m.value() for m in got) == sorted(events(5))
    assert {m.key() for m in got} == {f"e{i}".encode() for i in range(5)}


def test_send_takes_standard_input_and_sends_lines_as_they_are(run: Run, name: str, bootstrap: str) -> None:
    odd = b'not json \xff\n  {"id": "x" }\n'

    assert run("send", f"{name}.events", "--key", "id", stdin=odd).exit_code == 0

    assert sorted(m.value() for m in w.consume(bootstrap, f"{name}.events", 2)) == [
        b'  {"id": "x" }',
        b"not json \xff",
    ]


def test_send_does_not_wait_for_the_end_of_its_input(
    run: Run, tmp_path: Path, bootstrap: str, name: str
) -> None:
    sender = start(
        tmp_path, bootstrap, "send", f"{name}.events", stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert sender.stdin is not None
    try:
        sender.stdin.write(b'{"id":"first"}\n')
        sender.stdin.flush()
        w.until(lambda: run("tail", f"{name}.events").stdout.endswith('{"id":"first"}\n'), "the first line")
        out, err = sender.communicate(b'{"id":"second"}\n', timeout=120)
    finally:
        sender.kill()

    assert (sender.returncode, err) == (0, b"")
    assert out == f"sent 2 records to {name}.events\n".encode()


def test_send_keeps_to_its_rate(run: Run, name: str, bootstrap: str) -> None:
    Path("events.jsonl").write_bytes(b"\n".join(events(12)))

    assert run("send", f"{name}.events", "events.jsonl", "--rate", "20/s").exit_code == 0

    stamps = [m.timestamp()[1] for m in w.consume(bootstrap, f"{name}.events", 2)]
    assert len(stamps) == 12
    assert max(stamps) - min(stamps) >= 450  # 11 gaps of 50 ms, less what may run ahead


def test_send_says_which_record_kafka_does_not_take(run: Run, name: str) -> None:
    Path("events.jsonl").write_bytes(events(1)[0] + b"\n" + b"x" * 2_000_000 + b"\n")

    result = run("send", f"{name}.events", "events.jsonl")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: record 2 was not accepted\n  why  MessageSizeTooLargeError")


def test_send_and_tail_name_a_topic_that_is_not_there(run: Run) -> None:
    for argv in (["send", "nowhere"], ["tail", "nowhere"]):
        result = run(*argv, stdin=b"{}\n")
        assert result.exit_code == 4
        assert result.stderr.startswith("error: topic nowhere does not exist\n")


def test_tail_prints_the_newest_of_all_partitions(run: Run, name: str, bootstrap: str) -> None:
    w.produce(bootstrap, f"{name}.events", events(20), 2)

    shown = run("tail", f"{name}.events", "-n", "3").stdout.splitlines()
    by_default = run("tail", f"{name}.events").stdout.splitlines()

    assert len(shown) == 3
    assert len(by_default) == 10
    assert by_default[-3:] == shown
    assert all(re.fullmatch(r'[01]@\d+  \{"id": "e\d+".*\}', line) for line in shown)


def test_tail_from_starts_at_a_time(run: Run, name: str, bootstrap: str) -> None:
    now_ms = int(time.time() * 1000)
    w.produce(bootstrap, f"{name}.events", [b"old"], 2, timestamp=now_ms - 7_200_000)
    w.produce(bootstrap, f"{name}.events", [b"new"], 2, timestamp=now_ms - 60_000)

    assert run("tail", f"{name}.events", "--from", "1h").stdout == "0@1  new\n"
    assert run("tail", f"{name}.events", "--from", "3h").stdout == "0@0  old\n0@1  new\n"


def test_tail_json_is_one_object_a_line(run: Run, name: str, bootstrap: str) -> None:
    w.produce(
        bootstrap, f"{name}.events", [b'{"id":"x"}', b"\xff", None], 1, key=b"k", headers=[("h", b"\xfe")]
    )

    found = [json.loads(line) for line in run("tail", f"{name}.events", "--json").stdout.splitlines()]

    assert [each["value"] for each in found] == [{"id": "x"}, "\\xff", None]
    assert {(each["key"], each["headers"]["h"], each["partition"]) for each in found} == {("k", "\\xfe", 0)}


def test_tail_follows_until_ctrl_c(tmp_path: Path, bootstrap: str, name: str) -> None:
    w.produce(bootstrap, f"{name}.events", [b"one"], 2)
    tail = start(tmp_path, bootstrap, "tail", f"{name}.events", "-f", stdout=subprocess.PIPE)
    assert tail.stdout is not None
    try:
        assert tail.stdout.readline() == b"0@0  one\n"
        w.produce(bootstrap, f"{name}.events", [b"two"], 2)
        assert tail.stdout.readline() == b"0@1  two\n"
        tail.send_signal(signal.SIGINT)
        _, err = tail.communicate(timeout=120)
    finally:
        tail.kill()

    assert (tail.returncode, err.strip()) == (130, b"")


def test_a_reader_that_leaves_is_no_error(tmp_path: Path, bootstrap: str, name: str) -> None:
    w.produce(bootstrap, f"{name}.events", events(5_000), 2)
    line = f"{sys.executable} -m headrace tail {name}.events -n 5000 | head -1"

    ran = subprocess.run(
        ["/bin/sh", "-c", line], cwd=tmp_path, env=w.environment(bootstrap), capture_output=True, check=True
    )

    assert ran.stdout.count(b"\n") == 1
    assert ran.stderr == b""


def test_json_of_the_commands_that_read(run: Run, name: str, bootstrap: str) -> None:
    w.produce(bootstrap, f"{name}.events", events(6), 2)

    def read(*argv: str) -> Any:
        result = run(*argv, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert {"topic": f"{name}.events", "partitions": 2, "records": 6} in read("topics", "ls")
    assert [t["problem"] for t in read("topics", "check", "pipe.py")] == [None] * 7
    assert all(check["ok"] for check in read("doctor", "pipe.py"))
    assert read("show", "pipe.py")["pipeline"] == name
    assert read("dead", "ls", name) == []
    assert "river" in read("version")
    found = read("status", "pipe.py")
    assert (found["workers"], found["lag"], found["records"][f"{name}.events"]) == (0, 6, 6)


def test_status_counts_as_lag_what_still_can_be_read(run: Run, name: str, bootstrap: str) -> None:
    topic = f"{name}.events"
    w.produce(bootstrap, topic, events(10), 1)
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap})
    for done in admin.delete_records([confluent_kafka.TopicPartition(topic, 0, 4)]).values():
        done.result(10)

    found = json.loads(run("status", "pipe.py", "--json").stdout)

    assert found["partitions"][0] == {
        "topic": topic, "partition": 0, "worker": None, "start": 4, "committed": None, "end": 10, "lag": 6,
        "to_replay": None, "eta_s": None,
    }  # fmt: skip
    assert found["lag"] == 6
    assert "no worker" in run("status", "pipe.py").stdout


def test_status_never_counts_a_commit_from_before_what_was_deleted(
    run: Run, name: str, bootstrap: str
) -> None:
    topic = f"{name}.events"
    w.produce(bootstrap, topic, events(10), 1)
    consumer = confluent_kafka.Consumer({"bootstrap.servers": bootstrap, "group.id": name})
    consumer.commit(offsets=[confluent_kafka.TopicPartition(topic, 0, 2)], asynchronous=False)
    consumer.close()
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": bootstrap})
    for done in admin.delete_records([confluent_kafka.TopicPartition(topic, 0, 7)]).values():
        done.result(10)

    found = json.loads(run("status", "pipe.py", "--json").stdout)

    assert [(p["committed"], p["lag"]) for p in found["partitions"]] == [(2, 3), (None, 0)]


def test_doctor_names_the_command_that_repairs_each_fault(run: Run, tmp_path: Path) -> None:
    w.write_pipeline(tmp_path, f"c{random.getrandbits(40):x}")

    result = run("doctor", "pipe.py", "--json")
    shown = run("doctor", "pipe.py")

    failed = [check for check in json.loads(result.stdout) if not check["ok"]]
    assert result.exit_code == shown.exit_code == 4
    # headrace.control and headrace.audit are there already if another pipeline has made its topics
    assert [check["check"] for check in failed] in (["topic"] * 5, ["topic"] * 6, ["topic"] * 7)
    (repair,) = {check["fix"] for check in failed}
    assert f"fix  {repair}" in " ".join(shown.stdout.split("               "))
    assert run(*shlex.split(repair)[1:]).exit_code == 0
    assert run("doctor", "pipe.py").exit_code == 0


def test_doctor_and_check_see_a_wrong_number_of_partitions(run: Run, name: str, tmp_path: Path) -> None:
    w.write_pipeline(tmp_path, name, partitions=3).rename(tmp_path / "wider.py")

    check = run("topics", "check", "wider.py", "--json")

    assert check.exit_code == 4
    problems = [t["problem"] for t in json.loads(check.stdout)]
    assert problems == ["has 2 partitions, expected 3"] * 5 + [None, None], (
        "the topics of control and audit have 1"
    )
    assert "headrace topics create wider.py" in run("doctor", "wider.py", "--json").stdout
    assert run("status", "wider.py").exit_code == 4


def test_the_development_kafka_goes_up_and_down(tmp_path: Path) -> None:
    w.write_pipeline(tmp_path, "dev")
    env = {k: v for k, v in w.environment("").items() if k != "HEADRACE_BOOTSTRAP"}

    def headrace(*argv: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "headrace", *argv]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert headrace("kafka", "down").stdout == "no Kafka of ours runs here\n"
    try:
        up = headrace("kafka", "up")
        again = headrace("kafka", "up")
        address = json.loads(headrace("kafka", "status", "--json").stdout)["bootstrap"]

        assert up.returncode == again.returncode == 0, up.stderr
        assert f"at {address} " in up.stdout
        assert f"at {address} " in again.stdout
        assert "answers" in headrace("kafka", "status").stdout
        assert headrace("topics", "create", "pipe.py").stdout.count("created") == 7
    finally:
        down = headrace("kafka", "down")

    assert down.stdout == "stopped\n"
    gone = headrace("kafka", "status", "--json")
    assert (gone.returncode, gone.stdout) == (3, "null\n")
    assert gone.stderr.endswith("fix  headrace kafka up\n")
