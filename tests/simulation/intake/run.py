"""Run schedules of intake: ``python -m tests.simulation.intake.run --seed N --trace``, ``--wrong NAME``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.simulation.intake.cluster import IntakeCluster
from tests.simulation.intake.scheme import RIGHT, WRONG, Restart, Scheme, count
from tests.simulation.loop import SimLoop
from tests.simulation.run import Outcome, say, silence


def run_schedule(seed: int, loop: SimLoop, scheme: Scheme = RIGHT, *, keep_trace: bool = False) -> Outcome:
    """Run the schedule of *seed*; the same seed gives the same steps."""
    Restart.numbers = count()
    with loop:
        cluster = IntakeCluster(seed, scheme, loop, keep_trace=keep_trace)
        cluster.run()
        world = cluster.world
        for process in cluster.living:
            process.kill()
    return Outcome(seed, world.failures, world.counts, world.n_steps, world.trace or [])


def hunt(name: str, loop: SimLoop, max_schedules: int) -> tuple[int, str | None]:
    """Run schedules of a wrong scheme until one breaks a promise; return how many, and which promise."""
    for seed in range(max_schedules):
        outcome = run_schedule(seed, loop, WRONG[name])
        if outcome.failures:
            return seed + 1, outcome.failures[0]
    return max_schedules, None


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=1)
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--wrong", choices=[*WRONG, "all"])
    asked = parser.parse_args()
    silence()
    loop, totals, failed, n_steps = SimLoop(), Counter[str](), 0, 0
    if asked.wrong == "all":
        for name in WRONG:
            n, failure = hunt(name, loop, max(asked.n, 500))
            failed += failure is None
            say(f"{name:34} {n:5} schedules  {failure or 'NOT CAUGHT'}")
        return failed
    started = time.process_time()
    for seed in range(asked.seed, asked.seed + asked.n):
        outcome = run_schedule(
            seed, loop, WRONG[asked.wrong] if asked.wrong else RIGHT, keep_trace=asked.trace
        )
        totals += outcome.counts
        n_steps += outcome.n_steps
        if asked.trace:
            say(*outcome.trace)
        if outcome.failures:
            failed += 1
            say(f"seed {seed}:", *(f"   {failure}" for failure in outcome.failures[:3]))
    elapsed = time.process_time() - started
    say(f"{asked.n} schedules, {n_steps} steps, {elapsed / asked.n * 1e3:.2f} ms each, {failed} failed")
    say(", ".join(f"{name} {n}" for name, n in sorted(totals.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
