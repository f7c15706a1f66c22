"""Rolling restarts, step by step, and the names of static members."""

from __future__ import annotations

import re
from typing import Any

import pytest

from agents.run.rolling import ASK_INTERVAL_S, Restarted, RollingRestart
from agents.run.service import instance_id
from agents.supervisor import Supervisor, WorkerProcess


class Workers:
    """Workers without processes, and what was done to them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, n: int = 3) -> None:
        self.supervisor = Supervisor("pipe.py", n, None)
        self.pids = {worker: 10 + worker.number for worker in self.supervisor.workers}
        self.asked: list[int] = []
        self.ready: set[int] = set()
        self.done: list[Restarted] = []
        self.now = 0.0
        monkeypatch.setattr(WorkerProcess, "pid", property(lambda worker: self.pids[worker]))
        monkeypatch.setattr(WorkerProcess, "is_running", True)
        monkeypatch.setattr(self.supervisor, "restart", lambda w, now: self.asked.append(w.number))
        self.rolling = RollingRestart(self.supervisor, self.done.append, lambda w: w.number in self.ready)

    def step(self) -> None:
        self.now += 2 * ASK_INTERVAL_S
        self.rolling.step(self.now)

    def come_back(self, number: int) -> None:
        """Worker *number* is a new process now, and ready."""
        self.pids[self.supervisor.workers[number - 1]] += 100
        self.ready.add(number)


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Workers:
    return Workers(monkeypatch)


def test_without_a_signal_nobody_is_restarted(workers: Workers) -> None:
    workers.step()

    assert workers.asked == []
    assert not workers.rolling.is_going_on


def test_one_after_the_other_and_none_before_the_one_before_is_ready(workers: Workers) -> None:
    workers.rolling.begin()
    for _ in range(3):
        workers.step()
    assert workers.asked == [1]

    workers.pids[workers.supervisor.workers[0]] += 100  # started, not ready
    workers.step()
    assert workers.asked == [1]

    workers.ready.add(1)
    workers.step()
    assert workers.asked == [1, 2]
    for number in (2, 3):
        workers.come_back(number)
        workers.step()

    assert workers.asked == [1, 2, 3]
    assert [(each.number, each.pid) for each in workers.done] == [(1, 111), (2, 112), (3, 113)]
    assert not workers.rolling.is_going_on


def test_the_old_process_being_ready_is_not_enough(workers: Workers) -> None:
    workers.ready.add(1)
    workers.rolling.begin()
    for _ in range(3):
        workers.step()

    assert workers.asked == [1]


def test_a_second_signal_begins_anew_with_the_others(workers: Workers) -> None:
    workers.rolling.begin()
    workers.step()
    workers.come_back(1)
    workers.step()
    workers.rolling.begin()  # while worker 2 has its turn
    for number in (2, 1, 3):
        workers.come_back(number)
        workers.step()

    assert workers.asked == [1, 2, 1, 3]
    assert not workers.rolling.is_going_on


@pytest.mark.parametrize("host", ["web-1", "wéb_1.example", "x" * 300])
def test_the_name_of_a_static_member_is_one_that_kafka_allows(host: str) -> None:
    names = [instance_id("fraud", number, host) for number in (1, 2)]

    assert all(re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name) for name in names)
    assert names[0].endswith("-fraud-1")
    assert len(set(names)) == 2


def test_it_is_the_same_after_a_restart() -> None:
    first: Any = instance_id("fraud", 3)

    assert instance_id("fraud", 3) == first
