"""Whoever takes sources in, dies, sleeps or goes on as a zombie: each record is folded once, in its order."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.intake.run import hunt, run_schedule
from tests.simulation.intake.scheme import WRONG
from tests.simulation.loop import SimLoop
from tests.simulation.run import silence

N_SHARDS = 2
SHARD = 1_000
"""Schedules of a shard."""

SEEN_IN_EACH_SHARD = (
    "crashes",
    "zombies woken",
    "zombie records",
    "duplicates left out",
    "gaps left out",
    "commits refused",
    "batches failed",
    "expired sessions",
    "graceful stops",
    "dead letters",
    "unknown outcomes",
)
"""A lane in which one of these never happened proves nothing about it."""


def run_all(seeds: range) -> Counter[str]:
    silence()
    loop, seen = SimLoop(), Counter[str]()
    for seed in seeds:
        outcome = run_schedule(seed, loop)
        assert not outcome.failures, (
            f"python -m tests.simulation.intake.run --trace --seed {seed}",
            *outcome.failures,
        )
        seen += outcome.counts
    return seen


def test_two_hundred_schedules_fold_each_record_once_and_in_order() -> None:
    seen = run_all(range(1_000_000, 1_000_200))
    assert seen["zombie records"] > 0
    assert seen["duplicates left out"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(N_SHARDS))
def test_two_thousand_schedules_fold_each_record_once_and_in_order(shard: int) -> None:
    seen = run_all(range(shard * SHARD, (shard + 1) * SHARD))
    assert not [name for name in SEEN_IN_EACH_SHARD if not seen[name]]


@pytest.mark.parametrize("name", WRONG)
def test_a_scheme_that_is_wrong_is_caught(name: str) -> None:
    silence()
    n, failure = hunt(name, SimLoop(), 300)
    assert failure is not None, f"{name}: {n} schedules"


def test_a_seed_gives_the_same_steps_again() -> None:
    silence()
    loop = SimLoop()
    first, second = (
        [line for seed in range(10) for line in run_schedule(seed, loop, keep_trace=True).trace]
        for _ in range(2)
    )
    assert first == second
