"""Card payments, made up and seeded: at first thieves spend large amounts, then they try stolen numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from math import exp
from typing import NamedTuple

from agents.team.glitching import NAN, RAISES, SLOW
from agents.team.pipeline import Payment

SEED = 2013
N_CARDS = 200

N_GLITCHES = 40
"""Payments in a row that bring the fault out."""


class Marks(NamedTuple):
    """Numbers of the payments from which on a model raises, gets NaN, is slow, and the frauds are others."""

    raises: int
    nan: int
    slow: int
    drift: int


def marks(n: int) -> Marks:
    """Return where in *n* payments what happens."""
    return Marks(int(n * 0.16), int(n * 0.30), int(n * 0.44), int(n * 0.58))


def payments(n: int, seed: int = SEED) -> Iterator[Payment]:
    """Yield *n* payments, the same for the same *n* and *seed*."""
    chance = random.Random(seed)  # noqa: S311 - a made-up stream, no secret
    at = marks(n)
    for i in range(n):
        yield _payment(i, at, chance)


def _payment(i: int, at: Marks, chance: random.Random) -> Payment:
    amount = round(chance.lognormvariate(3.7, 1.0), 2)
    hour = round(chance.uniform(0.0, 24.0), 2)
    distance = round(chance.expovariate(1 / 30), 1)
    pause = round(chance.expovariate(1 / 200), 1)
    if i < at.drift:
        odds = 2.2 * (amount - 60) / 40 + (distance - 40) / 20
    else:
        odds = 5.0 if pause < 90 and amount < 60 else -5.0
    return Payment(
        id=f"p{i:06}",
        card=f"card-{chance.randrange(N_CARDS):03}",
        amount=amount,
        hour=hour,
        distance_km=distance,
        pause_min=pause,
        glitch=_glitch(i, at),
        is_fraud=chance.random() < 1 / (1 + exp(-max(-30.0, min(30.0, odds)))),
    )


def _glitch(i: int, at: Marks) -> str | None:
    for first, glitch in ((at.raises, RAISES), (at.nan, NAN), (at.slow, SLOW)):
        if first <= i < first + N_GLITCHES:
            return glitch
    return None
