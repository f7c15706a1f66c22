"""`headrace run`: workers as a service, started again when they die, restarted in turn, ended together."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient

from tests.broker import running
from tests.broker import workers as w
from tests.broker.running import Run

pytestmark = [pytest.mark.broker, pytest.mark.slow]

Start = Callable[..., Run]


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    with running.runs(tmp_path, bootstrap) as run:
        yield run


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    return w.create_pipeline(tmp_path, bootstrap, partitions=running.PARTITIONS)


def generations(run: Run, worker: int) -> int:
    """Return the rebalances a worker took part in, as its metrics tell."""
    lines = run.get(worker, "/metrics").splitlines()
    (found,) = (line for line in lines if line.startswith("headrace_rebalances_total{"))
    return int(float(found.rpartition(" ")[2]))


def held_by_member(bootstrap: str, name: str) -> dict[str, list[int]]:
    """Return the partitions of each static member of the group, by its name."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    members = admin.describe_consumer_groups([name])[name].result(10).members
    return {
        member.group_instance_id: [tp.partition for tp in member.assignment.topic_partitions]
        for member in members
    }


def test_a_killed_worker_is_started_again_and_all_end_together(
    bootstrap: str, name: str, start: Start
) -> None:
    run = start("-n", "3")
    run.until_shared(3)
    running.produce(bootstrap, name, 0, 3_000)
    old = run.pid_of(2)
    os.kill(old, signal.SIGKILL)

    death = run.until("worker_died")
    assert (death["worker"], death["worker_pid"], death["exit_code"]) == (2, old, -9)
    assert 0.25 <= death["restart_in_s"] <= 0.75
    run.until("worker_starting", 2, worker=2)
    assert run.pid_of(2) != old
    running.assert_all_there(bootstrap, name, 3_000)

    mine = run.children()
    assert len(mine) == 3
    assert run.end() == 0
    assert [process for process in mine if process.is_running()] == []
    assert run.events("supervisor_stopped")[0]["exit_codes"] == [0, 0, 0]
    assert len(run.events("worker_stopped")) == 3


def test_a_rolling_restart_of_static_members_moves_nothing_and_loses_nothing(
    bootstrap: str, name: str, start: Start
) -> None:
    run = start("-n", "3", "--static", HEADRACE_SESSION_TIMEOUT_S="60")
    run.until_shared(3)
    host = socket.gethostname()
    before = held_by_member(bootstrap, name)
    assert set(before) == {f"{host}-{name}-{i}" for i in (1, 2, 3)}
    running.produce(bootstrap, name, 0, 3_000)
    joined = len(run.events("assigned"))
    first_pids = [run.pid_of(i) for i in (1, 2, 3)]
    n_before = generations(run, 3)

    run.process.send_signal(signal.SIGHUP)
    run.until("worker_restarted")
    assert generations(run, 3) == n_before  # whose turn comes later has noticed nothing
    run.until("rolling_restart_done")

    order = [line["worker"] for line in run.events("worker_restarted")]
    assert order == [1, 2, 3]
    assert set(first_pids).isdisjoint(run.pid_of(i) for i in (1, 2, 3))
    assert len(run.events("assigned")) == joined + 3  # each once, after its own restart
    assert held_by_member(bootstrap, name) == before
    assert not run.events("restart_outlasted_session")
    running.produce(bootstrap, name, 3_000, 6_000)
    running.assert_all_there(bootstrap, name, 6_000)
    assert len(running.results(bootstrap, name)) == 6_000  # none came twice
    assert run.end() == 0


def test_a_rolling_restart_waits_until_the_worker_before_is_ready(
    bootstrap: str, name: str, start: Start
) -> None:
    run = start("-n", "2", HEADRACE_SESSION_TIMEOUT_S="6")
    run.until_shared(2)

    run.process.send_signal(signal.SIGHUP)
    run.until("rolling_restart_done")

    told = [
        (line["event"], line["worker"])
        for line in run.lines()
        if line["event"] in {"worker_starting", "worker_restarted"}
    ][2:]
    assert told == [
        ("worker_starting", 1),
        ("worker_restarted", 1),
        ("worker_starting", 2),
        ("worker_restarted", 2),
    ]
    assert run.end(signal.SIGINT) == 0


@pytest.mark.timeout(1_800)
def test_a_worker_that_dies_again_and_again_ends_the_service_with_its_last_words(
    bootstrap: str, name: str, start: Start
) -> None:
    run = start("-n", "2", "--http-host", "192.0.2.1")  # no address of this machine

    assert run.process.wait(200) == 1
    text = run.text
    assert "5 times before it joined: giving up" in text
    assert "192.0.2.1 cannot be used" in text.partition("giving up")[2]
    assert {line["worker"] for line in run.events("worker_died")} == {1, 2}
    assert "Traceback" not in text


def test_what_can_never_run_is_not_tried_twice(bootstrap: str, name: str, start: Start) -> None:
    topic = f"{name}.predictions"
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.delete_topics([topic])[topic].result(10)
    run = start()

    assert run.process.wait(60) == 1
    assert "a check failed: giving up" in run.text
    assert topic in run.text
    assert not run.events("worker_died")


def test_workers_end_in_order_when_their_supervisor_is_killed(
    bootstrap: str, name: str, start: Start
) -> None:
    run = start("-n", "2")
    run.until_shared(2)
    running.produce(bootstrap, name, 0, 2_000)
    w.until(lambda: running.n_results(bootstrap, name) > 100, "they are in the midst of it")
    mine = run.children()

    run.process.kill()

    gone, alive = psutil.wait_procs(mine, timeout=15)
    assert alive == []
    assert len(gone) == 2
    done = running.committed(bootstrap, name)
    assert len({running.result_id(m) for m in running.results(bootstrap, name)}) == done


def test_logs_go_to_files_if_asked_and_ports_follow_one_another(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    run = start("-n", "2", "--log-files", "--http-port", str(port))
    logs = [tmp_path / ".headrace" / "logs" / name / f"worker-{i}.log" for i in (1, 2)]

    def addresses() -> list[str]:
        lines = [line for log in logs if log.exists() for line in w.logged(log.read_text())]
        return [line["http"] for line in lines if line["event"] == "worker_starting"]

    w.until(lambda: len(addresses()) == 2, "both say where they are")
    assert addresses() == [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"]
    assert run.end() == 0
    assert run.events("worker_starting") == []
