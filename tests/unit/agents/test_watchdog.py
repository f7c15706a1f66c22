"""When a worker that makes no progress is ended, by a clock that the test moves."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from faust.types import TP

from agents.watchdog import LOCKED_FACTOR, NOTHING, SLEPT_S, Facts, ProgressWatch, Watchdog, facts

LIMIT_S = 60.0

LOG_0, LOG_1, LOG_3 = (TP("t.log", number) for number in (0, 1, 3))
SOURCE_0 = TP("t.events", 0)
AT = ((LOG_0, 10), (LOG_1, 20))


def first_verdict(*seen: Facts, step_s: float = 1.0) -> tuple[float, str] | None:
    """Show *seen*, the last of them for ever, and return when and why the process would be ended."""
    watch = ProgressWatch(LIMIT_S)
    for i in range(int(3 * LIMIT_S / step_s) + len(seen)):
        now = 1_000.0 + i * step_s
        if reason := watch.update(now, seen[min(i, len(seen) - 1)]):
            return now - 1_000.0, reason
    return None


@pytest.mark.parametrize(
    ("doing", "reason"),
    [
        ("work", "records wait, and none was processed for 60 s"),
        ("recovery", "the recovery of partitions made no progress for 60 s"),
        ("rebalance", "a rebalance did not end within 60 s"),
    ],
)
def test_what_does_not_get_further_is_ended_at_its_limit(doing: Any, reason: str) -> None:
    assert first_verdict(Facts(doing, 7)) == (LIMIT_S, reason)


def test_one_partition_that_does_not_get_further_is_found_in_a_busy_worker() -> None:
    seen = [Facts("work", second, {LOG_0: 1000 + second, LOG_3: 5}) for second in range(100)]

    said = "records wait in partition 3 of t.log, and none was processed for 60 s"
    assert first_verdict(*seen) == (LIMIT_S, said)


def test_a_source_that_is_not_taken_in_is_found_while_its_log_gets_further() -> None:
    seen = [Facts("work", second, {LOG_0: 1000 + second, SOURCE_0: 5}) for second in range(100)]

    said = "records wait in partition 0 of t.events, and none was processed for 60 s"
    assert first_verdict(*seen) == (LIMIT_S, said)


def test_partitions_that_get_further_in_turn_are_not_stuck() -> None:
    seen = [
        Facts("work", second, {TP("t.log", p): (second + p * 9) // 40 for p in range(4)})
        for second in range(300)
    ]

    assert first_verdict(*seen, NOTHING) is None


def test_who_has_nothing_to_do_may_do_nothing() -> None:
    assert first_verdict(NOTHING) is None


def test_any_progress_begins_the_time_anew() -> None:
    slow = [Facts("work", i // 50) for i in range(500)]

    assert first_verdict(*slow) == (450 + LIMIT_S, "records wait, and none was processed for 60 s")


def test_work_that_comes_after_a_long_idle_time_has_its_whole_limit() -> None:
    found = first_verdict(*[NOTHING] * 100, Facts("work", 1))

    assert found is not None
    assert found[0] == 100 + LIMIT_S


def test_a_recovery_that_ends_is_not_the_work_that_follows() -> None:
    seen = [*[Facts("recovery", 5)] * 50, *[Facts("work", 5)] * 50, NOTHING]

    assert first_verdict(*seen) is None


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, NOTHING),
        ({"lags": {LOG_0: 0, LOG_1: 3}}, Facts("work", ((SOURCE_0, 7), *AT), {LOG_1: 20})),
        ({"lags": {LOG_0: 0, SOURCE_0: 3}}, Facts("work", ((SOURCE_0, 7), *AT), {SOURCE_0: 7})),
        ({"lags": {SOURCE_0: 3}, "positions": {}}, Facts("work", ((SOURCE_0, 7),), {SOURCE_0: 7})),
        ({"lags": {TP("t.log", 7): 3}}, NOTHING),
        ({"lags": {SOURCE_0: 3}, "taken_in": {}}, NOTHING),
        ({"is_replaying": True}, Facts("recovery", AT)),
        ({"is_replaying": True, "lags": {SOURCE_0: 3}}, Facts("recovery", AT)),
        ({"state": "rebalancing", "lags": {LOG_0: 3}}, Facts("rebalance", AT)),
        ({"state": "joining the group", "silent_s": 100.0}, Facts("rebalance", AT)),
        ({"state": "waiting for a broker", "lags": {LOG_0: 3}}, NOTHING),
        ({"state": "stopping", "lags": {LOG_0: 3}, "is_replaying": True}, NOTHING),
        ({"lags": {LOG_0: 3}, "is_replaying": True, "silent_s": 10.0}, NOTHING),
        ({"lags": {SOURCE_0: 3}, "silent_s": 10.0}, NOTHING),
        ({"state": "rebalancing", "silent_s": 10.0}, NOTHING),
    ],
    ids=str,
)
def test_what_a_worker_is_about(given: dict[str, Any], expected: Facts) -> None:
    usual: dict[str, Any] = {
        "state": "running",
        "lags": {LOG_0: 0},
        "is_replaying": False,
        "positions": {LOG_1: 20, LOG_0: 10},
        "taken_in": {SOURCE_0: 7},
        "silent_s": 1.0,
    }
    usual |= given

    assert facts(usual.pop("state"), **usual) == expected


class Dog:
    """A watchdog that reports instead of biting, its clock moved by the test."""

    def __init__(self, report: Facts = NOTHING) -> None:
        self.now = 500.0
        self.reasons: list[str] = []
        self.limits: list[float] = []
        self.facts = report
        self.dog = Watchdog(
            LIMIT_S,
            lambda: self.facts,
            clock=lambda: self.now,
            end=self.reasons.append,
            exit_later=self.limits.append,
        )

    def live(self, seconds: int, *, loop_turns: bool = True) -> None:
        for _ in range(seconds):
            self.now += 1.0
            if loop_turns:
                self.dog.beat()
            self.dog.look()


def test_a_loop_that_turns_is_left_alone() -> None:
    dog = Dog()
    dog.live(500)

    assert dog.reasons == []


def test_a_loop_that_stands_still_is_found_at_its_limit() -> None:
    dog = Dog()
    dog.live(10)
    dog.live(59, loop_turns=False)
    assert dog.reasons == []

    dog.live(1, loop_turns=False)

    assert dog.reasons == ["the event loop stood still for 60 s: a model, or other code, blocks it"]


def test_no_progress_is_found_though_the_loop_turns() -> None:
    dog = Dog(Facts("work", 1))
    dog.live(61)
    assert dog.reasons == ["records wait, and none was processed for 60 s"]


def test_a_process_that_was_stopped_is_not_taken_for_one_that_hangs() -> None:
    dog = Dog(Facts("work", 1))
    for slept_s in itertools.repeat(LIMIT_S * 2, 5):
        dog.live(10)
        dog.now += slept_s
        dog.dog.look()
    dog.live(30)
    assert dog.reasons == []

    dog.live(31)
    assert dog.reasons


def test_a_short_sleep_forgives_nothing() -> None:
    dog = Dog(Facts("work", 1))
    for _ in range(14):
        dog.now += SLEPT_S
        dog.dog.beat()
        dog.dog.look()

    assert dog.reasons


def test_a_timer_that_no_model_can_block_is_wound_up_by_each_beat_until_the_stop_has_its_own() -> None:
    dog = Dog()
    dog.live(3)
    dog.dog.stopping(12.0)
    dog.dog.stopping(99.0)
    dog.live(3)

    assert dog.limits == [LIMIT_S * LOCKED_FACTOR] * 3 + [12.0]
