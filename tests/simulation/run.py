"""Run schedules: many, or one with its trace. ``python -m tests.simulation.run --seed N``."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass

import structlog

from tests.simulation.cluster import Cluster
from tests.simulation.loop import SimLoop
from tests.simulation.plan import planned
from tests.simulation.transactions import simulated


@dataclass(slots=True)
class Outcome:
    """What a schedule came to."""

    seed: int
    failures: list[str]
    counts: Counter[str]
    n_steps: int
    trace: list[str]


def say(*lines: str) -> None:
    """Print lines at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def silence() -> None:
    """Log nothing: a schedule makes some hundred lines."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=True
    )


def run_schedule(
    seed: int, loop: SimLoop, *, delivery: str | None = None, keep_trace: bool = False
) -> Outcome:
    """Run the schedule of *seed*; the same seed gives the same steps."""
    plan = planned(seed, delivery)
    with loop, simulated():
        cluster = Cluster(plan, loop, keep_trace=keep_trace)
        cluster.run()
        world = cluster.world
        for process in cluster.living:
            process.kill()
    return Outcome(seed, world.failures, world.counts, world.n_steps, world.trace or [])


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-n", type=int, default=1)
    parser.add_argument("--trace", action="store_true")
    asked = parser.parse_args()
    silence()
    loop, totals, failed, n_steps = SimLoop(), Counter[str](), 0, 0
    started = time.process_time()
    for seed in range(asked.seed, asked.seed + asked.n):
        outcome = run_schedule(seed, loop, keep_trace=asked.trace)
        totals += outcome.counts
        n_steps += outcome.n_steps
        if asked.trace:
            say(str(planned(seed)), *outcome.trace)
        if outcome.failures:
            failed += 1
            say(f"seed {seed}:", *(f"   {failure}" for failure in outcome.failures[:3]))
    elapsed = time.process_time() - started
    say(f"{asked.n} schedules, {n_steps} steps, {elapsed / asked.n * 1e3:.2f} ms each, {failed} failed")
    say(", ".join(f"{name} {n}" for name, n in sorted(totals.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
