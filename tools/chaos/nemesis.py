"""Rounds of faults, chosen by a seed: some at the same time, and a quarter of all rounds none."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tools.chaos import faults
from tools.chaos.arena import POLL_S, Arena
from tools.chaos.cluster import Cluster
from tools.chaos.faults import FAULTS, Course, Scene

QUIET = 0.25
"""Share of rounds without faults: only then it shows whether everything comes back."""

MEASURED = 0.15
"""Share of rounds in which one worker is killed and nothing else happens: they tell how long that takes."""

ROUND_S = 15.0
ROUND_LIMIT_S = 300.0
HEALED_S = 400.0
"""Results have to flow again on every partition so long after a round at most."""


class Round(NamedTuple):
    """What was done from *start* to *end*, in seconds since 1970; *flowing* is when all came back."""

    names: tuple[str, ...]
    start: float
    end: float
    flowing: float


class Nemesis:
    """Disturbs a run round by round."""

    def __init__(self, arena: Arena, cluster: Cluster, seed: int) -> None:
        self.rounds: list[Round] = []
        self._arena = arena
        self._cluster = cluster
        self._chance = random.Random(f"nemesis/{seed}")  # noqa: S311 - not for secrets

    def next_round(self) -> Round:
        """Draw a round, let it take its course, heal everything, and wait until results flow again."""
        names = drawn(self._chance)
        kinds = [faults.kill_one if name == "kill_one" else FAULTS[name][0] for name in names]
        return self._play(names, kinds)

    def without_brokers(self, seconds: float) -> Round:
        """Kill all brokers for a while."""
        return self._play(("no_broker",), [lambda scene: faults.no_broker(scene, seconds)])

    def _play(self, names: tuple[str, ...], kinds: Sequence[Callable[[Scene], Course]]) -> Round:
        start = time.time()
        # Each fault has its own chance: how long another one takes changes nothing for it.
        scenes = [
            Scene(self._arena, self._cluster, random.Random(self._chance.getrandbits(64)))  # noqa: S311
            for _ in kinds
        ]
        try:
            follow(self._arena, [kind(scene) for kind, scene in zip(kinds, scenes, strict=True)])
        finally:
            self._cluster.heal()
            self._arena.fleet.resume_all()
            self._dismiss_guests()
        end = time.time()
        self._arena.until_flowing(deadline_s=HEALED_S)
        flowing = time.time()
        if (left_s := ROUND_S - (flowing - start)) > 0:
            self._arena.pause(left_s)
        self.rounds.append(Round(names, start, end, flowing))
        return self.rounds[-1]

    def _dismiss_guests(self) -> None:
        """Let go who joined for the round and is still there."""
        fleet = self._arena.fleet
        for slot in fleet.slots():
            if slot > self._arena.setting.workers:
                fleet.dismiss(slot)


def follow(arena: Arena, courses: Sequence[Course], limit_s: float = ROUND_LIMIT_S) -> None:
    """Let faults take their course, all at the same time."""
    now = time.monotonic()
    deadline = now + limit_s
    due = dict.fromkeys(courses, now)
    while due:
        now = time.monotonic()
        if now > deadline:
            raise TimeoutError(f"a round took more than {limit_s:.0f} s")
        for course in [one for one, at in due.items() if at <= now]:
            wait_s = next(course, None)
            if wait_s is None:
                del due[course]
            else:
                due[course] = time.monotonic() + wait_s
        arena.fleet.check()
        time.sleep(POLL_S)


def drawn(chance: random.Random) -> tuple[str, ...]:
    """Return the names of the faults of one round, none for a quiet one."""
    kind = chance.random()
    if kind < QUIET:
        return ()
    if kind < QUIET + MEASURED:
        return ("kill_one",)
    while True:
        names = [name for name, (_, share) in FAULTS.items() if chance.random() < share]
        if "restart_all_brokers" in names:  # never two brokers down at once
            names = [name for name in names if name != "restart_broker"]
        if names:
            return tuple(names)
