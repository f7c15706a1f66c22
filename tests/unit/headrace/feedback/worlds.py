"""Simulated environments whose truth is known, for tests of bandits."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple

ARMS = ("mail", "banner", "call")


class Visit(NamedTuple):
    """One event: its features, and what each arm would earn on average and does earn this time."""

    x: dict[str, Any]
    worth: dict[str, float]
    earned: dict[str, float]


def visits(n: int, seed: int) -> list[Visit]:
    """Return *n* visits; which arm is best depends on the visitor, none is best for all."""
    chance = random.Random(seed)
    made = []
    for _ in range(n):
        age, country = chance.random(), chance.choice(["DE", "FR"])
        worth = {
            "mail": 0.15 + 0.6 * age,
            "banner": 0.75 - 0.6 * age,
            "call": 0.2 + 0.5 * (country == "FR"),
        }
        draw = chance.random()
        made.append(
            Visit({"age": age, "country": country}, worth, {arm: float(draw < p) for arm, p in worth.items()})
        )
    return made


def earned(choose: Callable[[Visit], Any], world: list[Visit]) -> float:
    """Return the mean worth of what *choose* takes."""
    return sum(visit.worth[choose(visit)] for visit in world) / len(world)
