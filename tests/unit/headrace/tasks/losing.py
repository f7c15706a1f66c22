"""Worlds of losses, and the wager on many of them at once, told with numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from headrace.tasks.wager import MEMORY

Losses: TypeAlias = NDArray[np.float64]
"""One row for each event, one column for each run."""

World: TypeAlias = Callable[[np.random.Generator, int, int], tuple[Losses, Losses]]
"""Makes what champion and challenger lose, of so many events and runs."""


def coins(chance: np.random.Generator, n: int, runs: int) -> tuple[Losses, Losses]:
    """Make right and wrong of two that err as often, each by itself."""
    wrong = chance.random((2, n, runs)) < 0.2
    return wrong[0].astype(float), wrong[1].astype(float)


def rare_disasters(chance: np.random.Generator, n: int, runs: int) -> tuple[Losses, Losses]:
    """The challenger is a little better nearly always, and once in a hundred events loses all of that."""
    disaster = chance.random((n, runs)) < 0.01
    return np.where(disaster, 0.0, 0.01), np.where(disaster, 0.99, 0.0)


def rare_windfalls(chance: np.random.Generator, n: int, runs: int) -> tuple[Losses, Losses]:
    """The same the other way round."""
    champion, challenger = rare_disasters(chance, n, runs)
    return challenger, champion


def gusts(chance: np.random.Generator, n: int, runs: int) -> tuple[Losses, Losses]:
    """The difference is large while it was large and to the challenger's advantage; its sign is a coin's."""
    signs = np.where(chance.random((n, runs)) < 0.5, 1.0, -1.0)
    size, found = np.full(runs, 0.2), np.empty((n, runs))
    for i in range(n):
        found[i] = signs[i] * size
        size = np.clip(0.95 * size + np.where(signs[i] > 0, 0.04, 0.005), 0.01, 1.0)
    return np.maximum(found, 0.0), np.maximum(-found, 0.0)


def worse_by_turns(chance: np.random.Generator, n: int, runs: int) -> tuple[Losses, Losses]:
    """The challenger is as good for a hundred events, then worse for a hundred, and so on."""
    worse = 0.1 * (np.arange(n) // 100 % 2)[:, None]
    wrong = chance.random((2, n, runs))
    return (wrong[0] < 0.3).astype(float), (wrong[1] < 0.3 + worse).astype(float)


NULLS: tuple[World, ...] = (coins, rare_disasters, rare_windfalls, gusts, worse_by_turns)
"""In none of them the challenger was ever expected to lose less."""


def e_values(champion: Losses, challenger: Losses) -> Losses:
    """Return the e-value after each event of each run, as `Wager` is described."""
    kept = 1.0 - 1.0 / MEMORY
    runs = champion.shape[1]
    invested, of_champion, of_challenger, squares = (np.zeros(runs) for _ in range(4))
    found, reserve = np.empty(champion.shape), 1.0
    for i, (lost, risked) in enumerate(zip(champion, challenger, strict=True)):
        gap, difference = of_champion - of_challenger, lost - risked
        left = 1_000 / (1_000 + (i + 1))
        stake = np.minimum(np.maximum(gap, 0.0) / (1.0 + squares), 0.75)
        invested = np.minimum((invested + (reserve - left)) * (1.0 + stake * difference), 1e9)
        reserve = left
        of_champion = kept * of_champion + lost
        of_challenger = kept * of_challenger + risked
        squares = kept * squares + difference * difference
        found[i] = reserve + invested
    return found
