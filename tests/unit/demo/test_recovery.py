"""How far a replay is, from a worker's own metrics; and when to give up waiting."""

from __future__ import annotations

from prometheus_client import generate_latest

from agents.demo.recovery import remaining
from agents.demo.session import STALL_LIMIT_S, Stall
from headrace import metrics


def test_records_to_replay_are_summed_over_the_partitions() -> None:
    name = "a pipeline of this test"
    for partition, n in (("0", 12_000), ("3", 345)):
        metrics.recovery_remaining.labels(name, partition).set(n)
    try:
        assert remaining(generate_latest(metrics.registry).decode()) == 12_345
    finally:
        for partition in ("0", "3"):
            metrics.recovery_remaining.remove(name, partition)


def test_a_worker_without_partitions_has_none_to_replay() -> None:
    assert remaining("# HELP headrace_recovery_remaining_events Records.\n") == 0


def test_only_a_state_that_does_not_change_is_a_stall() -> None:
    stall = Stall()
    assert not stall.check(0.0, 1)
    assert not stall.check(STALL_LIMIT_S, 1)
    assert not stall.check(STALL_LIMIT_S + 1, 2)
    assert not stall.check(2 * STALL_LIMIT_S, 2)
    assert stall.check(2 * STALL_LIMIT_S + 2, 2)
