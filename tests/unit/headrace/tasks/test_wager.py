"""The wager: chance does not win it, however often one looks, and a real difference does."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from headrace.tasks.wager import Wager
from tests.unit.headrace.tasks.losing import NULLS, World, coins, e_values

ALPHA = 0.05
RUNS, N = 2_000, 2_000


def told(champion: np.ndarray, challenger: np.ndarray) -> tuple[Wager, list[float]]:
    """Return a wager that has seen the losses, and its e-value after each event."""
    wager, found = Wager(), []
    for lost, risked in zip(champion.tolist(), challenger.tolist(), strict=True):
        wager.see(lost, risked)
        found.append(wager.e_value)
    return wager, found


@pytest.mark.parametrize("world", NULLS)
def test_who_looks_after_each_event_promotes_by_chance_in_alpha_of_runs_at_most(world: World) -> None:
    evidence = e_values(*world(np.random.default_rng(7), N, RUNS))

    assert (evidence.max(axis=0) >= 1.0 / ALPHA).mean() <= ALPHA


def test_of_three_challengers_one_is_promoted_by_chance_in_alpha_of_runs_at_most() -> None:
    chance = np.random.default_rng(8)
    champion, first = coins(chance, N // 2, RUNS)
    others = [first, *coins(chance, N // 2, RUNS)]

    highest = np.max([e_values(champion, losses).max(axis=0) for losses in others], axis=0)

    assert (highest >= 3.0 / ALPHA).mean() <= ALPHA


def test_a_test_for_one_look_promotes_by_chance_in_a_third_of_the_same_runs() -> None:
    champion, challenger = coins(np.random.default_rng(7), N, RUNS)
    n = np.arange(1, N + 1)[:, None]
    total, squares = np.cumsum(champion - challenger, axis=0), np.cumsum((champion - challenger) ** 2, axis=0)
    z = total / np.sqrt(np.maximum(squares - total**2 / n, 1e-9))

    assert (z[50:].max(axis=0) > 1.645).mean() > 0.33


@pytest.mark.parametrize("world", NULLS)
def test_one_by_one_and_many_at_once_are_the_same_to_the_bit(world: World) -> None:
    champion, challenger = world(np.random.default_rng(9), 3_000, 2)

    _, found = told(champion[:, 1], challenger[:, 1])

    assert found == e_values(champion, challenger)[:, 1].tolist()


@pytest.mark.parametrize(("worse", "better", "soon"), [(0.20, 0.15, 1_200), (0.20, 0.18, 5_000)])
def test_a_real_difference_is_found_in_nine_of_ten_runs(worse: float, better: float, soon: int) -> None:
    chance = np.random.default_rng(10)
    hard = chance.random((soon, 200))
    alike = np.where(chance.random((soon, 200)) < 0.7, hard, chance.random((soon, 200)))

    evidence = e_values((hard < worse).astype(float), (alike < better).astype(float))

    assert (evidence.max(axis=0) >= 1.0 / ALPHA).mean() > 0.9


def test_a_difference_is_found_after_a_long_time_without_one() -> None:
    chance = np.random.default_rng(11)
    rate = np.where(np.arange(40_000) < 30_000, 0.2, 0.15)[:, None]
    champion, challenger = chance.random((2, 40_000, 20)) < np.stack([np.full_like(rate, 0.2), rate])

    evidence = e_values(champion.astype(float), challenger.astype(float))

    assert (evidence[:30_000].max(axis=0) < 20.0).all()
    assert (evidence[30_000:34_000].max(axis=0) >= 20.0).all()


def test_losses_told_are_the_means_of_late() -> None:
    wager = Wager()
    assert wager.losses == (0.0, 0.0)

    for _ in range(100):
        wager.see(0.75, 0.25)

    assert wager.losses == pytest.approx((0.75, 0.25))
    assert wager.is_ahead


@pytest.mark.parametrize("at", [0, 1, 700])
def test_a_restored_wager_goes_on_to_the_bit(at: int) -> None:
    champion, challenger = (losses[:, 0] for losses in coins(np.random.default_rng(12), 1_500, 1))
    undisturbed, _ = told(champion, challenger)

    before, _ = told(champion[:at], challenger[:at])
    wager = Wager()
    wager.restore(pickle.loads(pickle.dumps(before.state())))  # noqa: S301 - our own
    for lost, risked in zip(champion[at:].tolist(), challenger[at:].tolist(), strict=True):
        wager.see(lost, risked)

    assert pickle.dumps(wager.state()) == pickle.dumps(undisturbed.state())


def test_evidence_that_turns_out_wrong_is_lost_again() -> None:
    wager = Wager()
    for _ in range(50_000):
        wager.see(1.0, 0.0)
    assert wager.e_value == pytest.approx(1e9)

    for _ in range(20):
        wager.see(0.0, 1.0)

    assert wager.e_value < 20.0
