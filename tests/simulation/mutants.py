"""Does the simulation notice bugs? ``python -m tests.simulation.mutants`` seeds them one by one."""

from __future__ import annotations

import sys
from typing import NamedTuple

from headrace import mutants
from tests.simulation.loop import SimLoop
from tests.simulation.run import run_schedule, say, silence

MAX_SCHEDULES = 6_000
"""A bug that hides for longer counts as not caught. That a zombie's decision counts takes 5,491: it has to be
cut off between the commit that makes sure it may decide, and the decision."""

NAMES = tuple(name for name, mutant in mutants.MUTANTS.items() if mutant.lane == "simulation")


class Verdict(NamedTuple):
    """How a mutant fared: the schedules it took, and what gave it away; ``None`` if nothing did."""

    name: str
    n_schedules: int
    failure: str | None


def hunt(name: str, loop: SimLoop, max_schedules: int = MAX_SCHEDULES) -> Verdict:
    """Run schedules with the bug *name* until one breaks a promise."""
    delivery = mutants.MUTANTS[name].delivery
    with mutants.seeded(name):
        for seed in range(max_schedules):
            outcome = run_schedule(seed, loop, delivery=delivery)
            if outcome.failures:
                return Verdict(name, seed + 1, outcome.failures[0].split("\n")[0])
    return Verdict(name, max_schedules, None)


def main() -> int:
    """Hunt every mutant of this lane and say how many were caught."""
    silence()
    loop, caught = SimLoop(), 0
    for name in sys.argv[1:] or NAMES:
        verdict = hunt(name, loop)
        caught += verdict.failure is not None
        say(f"{name:26} {verdict.n_schedules:6} schedules  {verdict.failure or 'NOT CAUGHT'}")
    say(f"{caught} of {len(sys.argv[1:] or NAMES)} caught")
    return 0 if caught == len(sys.argv[1:] or NAMES) else 1


if __name__ == "__main__":
    sys.exit(main())
