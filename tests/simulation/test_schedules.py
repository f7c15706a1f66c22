"""Whatever dies, sleeps, wakes or is cut off, nothing is lost, learned twice or published otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.simulation.loop import SimLoop
from tests.simulation.run import Outcome, run_schedule, silence

N_SHARDS = 10
SHARD = 2_000
"""Schedules of a shard; all together are 20,000."""

SEEN_IN_EACH_SHARD = (
    "crashes",
    "zombies woken",
    "zombie results",
    "duplicates",
    "commits refused",
    "fenced",
    "expired sessions",
    "recovered snapshot",
    "recovered kept",
    "recovered log",
    "refused zombie",
    "refused seal",
    "unknown outcomes",
    "decisions that act",
    "void decisions",
    "retentions",
    "graceful stops",
)
"""A lane in which one of these never happened proves nothing about it."""


def run_all(seeds: range) -> Counter[str]:
    silence()
    loop, seen = SimLoop(), Counter[str]()
    for seed in seeds:
        outcome = run_schedule(seed, loop)
        assert not outcome.failures, told(outcome)
        seen += outcome.counts
    return seen


def told(outcome: Outcome) -> str:
    return "\n".join(
        [
            f"seed {outcome.seed}; python -m tests.simulation.run --trace --seed {outcome.seed}",
            *outcome.failures,
        ]
    )


def test_two_hundred_schedules_keep_every_promise() -> None:
    seen = run_all(range(1_000_000, 1_000_200))
    assert seen["crashes"] > 0
    assert seen["zombies woken"] > 0


@pytest.mark.parametrize("seed", [2949])
def test_a_schedule_that_broke_a_promise_once_keeps_it(seed: int) -> None:
    run_all(range(seed, seed + 1))


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(N_SHARDS))
def test_twenty_thousand_schedules_keep_every_promise(shard: int) -> None:
    seen = run_all(range(shard * SHARD, (shard + 1) * SHARD))
    assert not [name for name in SEEN_IN_EACH_SHARD if not seen[name]]


def test_a_seed_gives_the_same_steps_in_another_process_with_another_hash_seed() -> None:
    script = (
        "from tests.simulation.loop import SimLoop; from tests.simulation.run import run_schedule, silence\n"
        "silence(); loop = SimLoop()\n"
        "for seed in range(40): print(*run_schedule(seed, loop, keep_trace=True).trace, sep='\\n')"
    )

    def trace(hash_seed: str) -> str:
        env = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True, timeout=60
        )
        return done.stdout

    assert trace("1") == trace("2")
