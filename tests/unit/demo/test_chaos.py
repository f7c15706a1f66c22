"""One worker is killed at a time, in turn, and what is told of its return is what logs and answers say."""

from __future__ import annotations

from typing import Any

from agents.demo.chaos import INTERVAL_S, LEAST_KILLS, Chaos

TICK_S = 0.25


class Process:
    """A worker that only notes how often it was killed."""

    def __init__(self, number: int, partitions: list[int]) -> None:
        self.number = number
        self.pid = 1_000 + number
        self.partitions: list[int] | None = partitions
        self.kills = 0

    def kill(self) -> None:
        self.kills += 1
        self.partitions = None


class Stage:
    """Two workers of four partitions, and a clock."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.chaos = Chaos(self.said.append)
        self.workers = [Process(1, [0, 2]), Process(2, [1, 3])]
        self.waiting: set[int] = {0, 1, 2, 3}
        self.now = 0.0

    def run(self, seconds: float, *, is_ending: bool = False) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK_S)):
            self.chaos.step(
                self.now,
                self.workers,
                lag=lambda partition: int(partition in self.waiting),
                is_calm=all(worker.partitions for worker in self.workers),
                is_ending=is_ending,
            )
            self.now += TICK_S

    def hear(self, worker: Process, event: str, **facts: Any) -> None:
        self.chaos.heard(worker, {"event": event, **facts})

    def recover(self, worker: Process, partition: int, *, offset: int, replay: int) -> None:
        self.hear(worker, "partition_recovered", partition=partition, next_offset=offset, replay=replay)

    def come_back(self, worker: Process, partitions: list[int]) -> None:
        worker.partitions = partitions
        self.hear(worker, "assigned", partitions=partitions)

    def one_kill(self) -> None:
        """Kill one and bring it back at once."""
        before = self.chaos.n_killed
        self.run(INTERVAL_S + 1)
        assert self.chaos.n_killed == before + 1
        victim = next(worker for worker in self.workers if worker.partitions is None)
        held = [0, 2] if victim.number == 1 else [1, 3]
        for partition in held:
            self.recover(victim, partition, offset=5, replay=0)
            self.chaos.answered(partition, self.now)
        self.come_back(victim, held)
        self.run(TICK_S)


def test_the_first_kill_comes_after_ten_seconds_and_says_what_it_takes() -> None:
    stage = Stage()
    stage.run(INTERVAL_S - 1)
    assert stage.chaos.n_killed == 0
    assert stage.chaos.status() == "0 so far; the next in 1 s"
    stage.run(2)
    assert [worker.kills for worker in stage.workers] == [1, 0]
    assert stage.said == ["kill 1: SIGKILL to worker 1, which holds partitions 0, 2"]


def test_nobody_else_is_killed_before_the_first_is_back_and_has_results() -> None:
    stage = Stage()
    stage.run(INTERVAL_S + 1)
    stage.run(3 * INTERVAL_S)
    assert "partitions 0, 2 without results for 31 s" in stage.chaos.status()
    for partition in (0, 2):
        stage.recover(stage.workers[1], partition, offset=70, replay=9)
        stage.chaos.answered(partition, stage.now)
    stage.run(3 * INTERVAL_S)
    assert stage.chaos.status() == "1 so far; worker 1 is on its way back"
    assert [worker.kills for worker in stage.workers] == [1, 0]

    stage.come_back(stage.workers[0], [0, 1])
    stage.run(1)
    assert [worker.kills for worker in stage.workers] == [1, 1]


def test_what_is_told_of_a_return_is_the_snapshots_the_replay_and_the_silence() -> None:
    stage = Stage()
    stage.run(INTERVAL_S + TICK_S)
    killed_at = stage.now - TICK_S
    stage.chaos.answered(0, stage.now)  # what the dead one had sent before
    stage.run(2)
    stage.recover(stage.workers[1], 0, offset=1_200, replay=300)
    stage.recover(stage.workers[1], 2, offset=0, replay=41)
    stage.recover(stage.workers[1], 1, offset=9, replay=7)  # was never its
    stage.chaos.answered(0, killed_at + 3.0)
    stage.chaos.answered(2, killed_at + 6.5)
    stage.run(TICK_S)

    (kill,) = stage.chaos.kills
    assert (kill.worker, kill.partitions, kill.snapshots, kill.replayed) == (1, [0, 2], [1_200, 0], 341)
    assert kill.silent_s == 6.5
    assert stage.said[-1] == (
        "back: partition 0 from its snapshot at offset 1,200, partition 2 from the beginning of the log; "
        "341 events replayed, results again 6.5 s after the kill"
    )
    stage.come_back(stage.workers[0], [2])
    assert stage.said[-1] == "worker 1 is back (pid 1001), with partitions 2"


def test_a_partition_without_records_to_answer_is_not_waited_for() -> None:
    stage = Stage()
    stage.waiting = set()
    stage.run(INTERVAL_S + 1)
    for partition in (0, 2):
        stage.recover(stage.workers[1], partition, offset=3, replay=0)
    stage.run(1)
    assert len(stage.chaos.kills) == 1


def test_workers_are_killed_in_turn_and_three_times_at_the_least() -> None:
    stage = Stage()
    for n in range(LEAST_KILLS):
        assert not stage.chaos.is_over
        stage.run(0.5, is_ending=True)
        stage.one_kill()
        assert [worker.kills for worker in stage.workers] == [(n + 2) // 2, (n + 1) // 2]
    assert stage.chaos.is_over
    stage.run(3 * INTERVAL_S, is_ending=True)
    assert stage.chaos.n_killed == LEAST_KILLS
    stage.run(INTERVAL_S)
    assert stage.chaos.n_killed == LEAST_KILLS + 1, "there is time for one more"
