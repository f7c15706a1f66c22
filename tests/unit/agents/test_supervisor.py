"""What the supervisor learns from a worker's log, and when a worker that died is started again."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from agents.supervisor import CRASH_LIMIT, CRASH_WINDOW_S, Backoff, Supervisor, WorkerProcess
from headrace.errors import HeadraceError


def test_delays_double_and_end_in_giving_up() -> None:
    backoff = Backoff()

    assert [backoff.crashed(float(second)) for second in range(CRASH_LIMIT)] == [0.5, 1.0, 2.0, 4.0, None]


def test_old_crashes_are_forgotten() -> None:
    backoff = Backoff()
    delays = [backoff.crashed(i * (CRASH_WINDOW_S + 1)) for i in range(20)]

    assert delays == [0.5] * 20


def test_the_log_tells_where_a_worker_is_what_it_holds_and_how_it_ended(tmp_path: Path) -> None:
    log = tmp_path / "worker-1.log"
    worker = WorkerProcess(1, [], log, {})
    log.write_text(
        '{"event": "worker_starting", "level": "info", "http": "http://127.0.0.1:1"}\n'
        '{"a": "line that a model printed"}\n'
        '{"event": "assigned", "level": "info", "partitions": [0, 2]}\n'
        "error: no broker answered for 60 s\n"
        "  why  none\n"
        "a line without an end"
    )

    seen = [line["event"] for line in worker.new_log_lines()]

    assert (worker.address, worker.partitions) == ("http://127.0.0.1:1", [0, 2])
    assert worker.last_words == "error: no broker answered for 60 s"
    assert seen[1] == '{"a": "line that a model printed"}'
    assert len(seen) == 5
    assert list(worker.new_log_lines()) == []


def test_what_cannot_mend_itself_is_not_tried_again(tmp_path: Path) -> None:
    env = {"HEADRACE_BOOTSTRAP": "127.0.0.1:1"}

    with Supervisor("nowhere.pipelines", 1, tmp_path, env=env) as supervisor:
        with pytest.raises(HeadraceError, match="ended with exit code 2, usage: giving up") as caught:
            check_for_ever(supervisor)
        assert supervisor.restarts == 0

    assert "there is no module 'nowhere.pipelines'" in caught.value.why


def check_for_ever(supervisor: Supervisor) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        supervisor.check(time.monotonic())
        time.sleep(0.02)  # between looks
