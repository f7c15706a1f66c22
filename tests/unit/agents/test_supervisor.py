"""What the supervisor learns from a worker's log, and when a worker that died is started again."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest

from agents.backoff import CRASH_LIMIT, CRASH_WINDOW_S, JITTER, Backoff
from agents.supervisor import Death, Supervisor, WorkerProcess
from agents.worker_log import LogFile
from headrace.errors import HeadraceError

NO_KAFKA = {"HEADRACE_BOOTSTRAP": "127.0.0.1:1"}


class Middle(random.Random):
    """Chance that always hits the middle."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


def test_delays_double_and_end_in_giving_up() -> None:
    backoff = Backoff(Middle())

    assert [backoff.crashed(float(second)) for second in range(CRASH_LIMIT)] == [0.5, 1.0, 2.0, 4.0, None]


def test_old_crashes_are_forgotten() -> None:
    backoff = Backoff(Middle())
    delays = [backoff.crashed(i * (CRASH_WINDOW_S + 1)) for i in range(20)]

    assert delays == [0.5] * 20


def test_what_takes_long_to_fail_does_not_fail_for_ever() -> None:
    backoff = Backoff(Middle())
    delays = [backoff.crashed(i * 100.0, joined=False) for i in range(CRASH_LIMIT)]

    assert delays == [0.5, 1.0, 2.0, 4.0, None]


def test_a_start_that_joined_lets_old_failures_be_forgotten() -> None:
    backoff = Backoff(Middle())
    for i in range(CRASH_LIMIT - 1):
        backoff.crashed(i * 100.0, joined=False)

    assert backoff.crashed(1_000.0) == 0.5


def test_workers_that_die_together_do_not_come_back_together() -> None:
    chance = random.Random(1)
    delays = [Backoff(chance).crashed(0.0) or 0.0 for _ in range(100)]

    assert len(set(delays)) == 100
    assert 0.5 * (1 - JITTER) <= min(delays) < 0.3
    assert 0.7 < max(delays) <= 0.5 * (1 + JITTER)


def test_the_same_seed_gives_the_same_delays() -> None:
    first, second = (Backoff(random.Random(7)) for _ in range(2))

    assert [first.crashed(0.0) for _ in range(4)] == [second.crashed(0.0) for _ in range(4)]


def test_the_log_tells_where_a_worker_is_what_it_holds_and_how_it_ended(tmp_path: Path) -> None:
    log = tmp_path / "worker-1.log"
    worker = WorkerProcess(1, [], LogFile(log), {})
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
    with Supervisor("nowhere.pipelines", 1, tmp_path, env=NO_KAFKA) as supervisor:
        with pytest.raises(HeadraceError, match="ended with exit code 2, usage: giving up") as caught:
            check_for_ever(supervisor)
        assert supervisor.restarts == 0

    assert "there is no module 'nowhere.pipelines'" in caught.value.why


def test_without_a_folder_for_logs_the_lines_come_here() -> None:
    heard: list[Any] = []
    supervisor = Supervisor(
        "nowhere.pipelines", 1, None, env=NO_KAFKA, on_log=lambda _, line: heard.append(line)
    )

    with supervisor, pytest.raises(HeadraceError) as caught:
        check_for_ever(supervisor)

    assert "there is no module 'nowhere.pipelines'" in caught.value.why
    assert any("there is no module 'nowhere.pipelines'" in line["event"] for line in heard)


def test_each_worker_has_its_own_environment_beside_the_common_one() -> None:
    seen: list[int] = []

    def own(number: int) -> dict[str, str]:
        seen.append(number)
        return {"HEADRACE_HTTP_PORT": str(8000 + number)}

    workers = Supervisor("pipe.py", 3, None, env={"A": "b"}, own_env=own).workers

    assert seen == [1, 2, 3]
    assert [worker._env["HEADRACE_HTTP_PORT"] for worker in workers] == ["8001", "8002", "8003"]
    assert {worker._env["A"] for worker in workers} == {"b"}


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        (-9, "", "worker 2 (pid 77) was ended by SIGKILL; starts again in 0.5 s"),
        (1, "error: gone", "worker 2 (pid 77) ended with exit code 1 (error: gone); starts again in 0.5 s"),
    ],
)
def test_a_death_is_told_in_a_sentence(code: int, words: str, expected: str) -> None:
    assert str(Death(2, 77, code, words, 0.5)) == expected


def check_for_ever(supervisor: Supervisor) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        supervisor.check(time.monotonic())
        time.sleep(0.02)  # between looks
