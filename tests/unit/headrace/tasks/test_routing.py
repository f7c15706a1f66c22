"""Which steps work on an event: against computations of their own, and worlds whose best step is known."""

from __future__ import annotations

import random
from collections import Counter
from math import log, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.errors import DeclarationError
from headrace.feedback.chance import draw
from headrace.models.digest import digest
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed
from headrace.tasks.routing import Route, Router

NAMES = ("cheap", "fair", "dear")
COSTS = {"cheap": 10.0, "fair": 50.0, "dear": 900.0}
LOSSES = {"cheap": 0.5, "fair": 0.3, "dear": 0.1}


def chance(n: int) -> float:
    return draw(7, n)


def run(router: Router, n: int, losses: dict[str, float] = LOSSES, *, delay: int = 0) -> list[list[str]]:
    """Choose and learn *n* events; each step is wrong as often as *losses* says, told *delay* later."""
    rng = random.Random(5)
    chosen, waiting = [], []
    for _ in range(n):
        names = router.choose(chance)
        chosen.append(names)
        waiting.append({name: float(rng.random() < losses[name]) for name in names})
        if len(waiting) > delay:
            router.learn(waiting.pop(0))
    return chosen


def counted(chosen: list[list[str]]) -> Counter[str]:
    return Counter(name for names in chosen for name in names)


@pytest.mark.parametrize("policy", ["ucb", "thompson", "epsilon"])
@pytest.mark.parametrize("delay", [0, 100])
def test_the_best_step_works_most(policy: Any, delay: int) -> None:
    counts = counted(run(Route(policy).fresh(NAMES), 3_000, delay=delay))

    assert counts.most_common(1)[0][0] == "dear"
    assert counts["dear"] > 2_000
    assert counts.total() == 3_000


@pytest.mark.parametrize("policy", ["ucb", "thompson", "epsilon"])
def test_who_becomes_better_is_found_again(policy: Any) -> None:
    router = Route(policy, memory=300).fresh(NAMES)
    run(router, 2_000)

    turned = run(router, 3_000, {"cheap": 0.05, "fair": 0.6, "dear": 0.6})

    assert counted(turned[-1_000:]).most_common(1)[0][0] == "cheap"


@pytest.mark.parametrize("policy", ["ucb", "thompson", "epsilon"])
def test_a_price_makes_a_dear_step_worth_less(policy: Any) -> None:
    counts = counted(run(Route(policy, cost=COSTS, price=1.0).fresh(NAMES), 3_000))

    assert counts.most_common(1)[0][0] == "fair"  # 0.7 - 0.05 against 0.9 - 0.9 and 0.5 - 0.01


def test_ucb_takes_the_highest_bound_computed_anew() -> None:
    router = Route("ucb", explore=0.3, memory=50).fresh(NAMES)
    rng = random.Random(2)
    history: list[dict[str, float]] = []
    for _ in range(300):
        t = len(history)
        fade = [0.98 ** (t - 1 - i) for i in range(t)]
        bounds = {}
        for name in NAMES:
            n = sum(f for f, seen in zip(fade, history, strict=True) if name in seen)
            lost = sum(f * seen.get(name, 0.0) for f, seen in zip(fade, history, strict=True))
            width = 0.3 * sqrt(2 * log(max(sum(fade), 1.0)) / n) if n else np.inf
            bounds[name] = 1 - (lost + 0.5) / (n + 1) + width
        (chosen,) = router.choose(chance)
        assert bounds[chosen] == pytest.approx(max(bounds.values()))
        history.append({chosen: float(rng.random() < LOSSES[chosen])})
        router.learn(history[-1])


def test_thompson_takes_each_step_as_often_as_it_is_best_in_its_posterior() -> None:
    router = Route("thompson", memory=10**9).fresh(NAMES)
    seen = {"cheap": (8, 5), "fair": (12, 6), "dear": (5, 2)}
    for name, (n, wrong) in seen.items():
        for i in range(n):
            router.learn({name: float(i < wrong)})
    rng = np.random.default_rng(0)
    samples = [rng.beta(1 + n - wrong, 1 + wrong, 200_000) for n, wrong in seen.values()]
    expected = np.bincount(np.argmax(samples, axis=0), minlength=3) / 200_000

    counts = counted([router.choose(chance) for _ in range(20_000)])

    found = [counts[name] / 20_000 for name in NAMES]
    assert found == pytest.approx(expected, abs=0.02)  # the posterior is taken as normal


def test_epsilon_takes_any_step_in_its_share_of_the_events() -> None:
    router = Route("epsilon", explore=0.3).fresh(NAMES)
    for _ in range(100):
        router.learn({"dear": 0.0})

    counts = counted([router.choose(chance) for _ in range(20_000)])

    assert counts["cheap"] / 20_000 == pytest.approx(0.1, abs=0.01)
    assert counts["fair"] / 20_000 == pytest.approx(0.1, abs=0.01)


@given(
    st.lists(st.floats(1.0, 2_000.0), min_size=2, max_size=5),
    st.floats(1.0, 500.0),
    st.integers(1, 3),
    st.integers(0, 99),
)
def test_events_never_cost_more_than_the_budget_on_average(
    costs: list[float], budget_us: float, pick: int, seed: int
) -> None:
    names = [f"m{i}" for i in range(len(costs))]
    costs[0] = min(costs[0], budget_us)
    cost = dict(zip(names, costs, strict=True))
    route = Route("thompson", pick=min(pick, len(names)), cost=cost, budget_us=budget_us)
    router, rng = route.fresh(names), random.Random(seed)
    spent = 0.0
    for n in range(1, 61):
        chosen = router.choose(chance)
        spent += sum(cost[name] for name in chosen)
        assert chosen
        assert spent <= budget_us * n * (1 + 1e-9)
        router.learn({name: rng.random() for name in chosen})
    assert router.spent_us == pytest.approx(spent)


def test_what_cheap_events_leave_pays_for_the_best_step_now_and_then() -> None:
    router = Route("ucb", cost=COSTS, budget_us=200.0).fresh(NAMES)

    counts = counted(run(router, 3_000))

    assert router.mean_cost_us <= 200.0
    assert router.mean_cost_us > 180.0  # nothing is left lying about
    assert counts["dear"] / 3_000 > 0.15


def test_without_enough_for_any_the_cheapest_works() -> None:
    router = Route("ucb", cost=dict.fromkeys(NAMES, 1.0), budget_us=5.0).fresh(NAMES)
    router.measured(COSTS)

    assert {name for names in run(router, 50) for name in names} == {"cheap"}


@pytest.mark.parametrize("policy", ["ucb", "thompson", "epsilon", "halving"])
def test_another_is_chosen_in_place_of_one_that_is_out(policy: Any) -> None:
    router = Route(policy, cost=COSTS, budget_us=100.0).fresh(NAMES)

    chosen = [router.choose(chance, {"cheap", "dear"}) for _ in range(50)]

    assert {name for names in chosen for name in names} == {"fair"}
    assert router.choose(chance, set(NAMES)) == []


def test_measured_costs_count_from_when_they_are_told() -> None:
    router = Route("epsilon", cost=dict.fromkeys(NAMES, 0.0), price=1.0, explore=0.0).fresh(NAMES)
    for _ in range(100):
        router.learn(LOSSES)
    before = router.choose(chance)

    router.measured({"dear": 900.0, "stranger": 1.0})

    assert before == ["dear"]
    assert router.choose(chance) == ["fair"]
    assert router.costs == {"cheap": 0.0, "fair": 0.0, "dear": 900.0}


def test_several_steps_may_work_and_shares_say_how_often() -> None:
    router = Route("ucb", pick=2).fresh(NAMES)

    chosen = run(router, 1_000)

    assert all(len(set(names)) == 2 for names in chosen)
    assert router.shares() == {name: n / 1_000 for name, n in counted(chosen).items()}
    assert router.shares()["cheap"] < 0.3


def batch_halving(losses: list[list[float]], names: list[str], keep: int, first: int) -> list[set[str]]:
    """Return who is in the race before each event, by rounds cut out of the whole."""
    alive, found, start, length = list(range(len(names))), [], 0, first
    while start < len(losses):
        part = np.array(losses[start : start + length])
        found += [{names[i] for i in alive}] * len(part)
        if len(alive) > keep:
            order = sorted(alive, key=lambda i, part=part: part[:, i].sum())
            alive = sorted(order[: max(-(-len(alive) // 2), keep)])
        start, length = start + length, length * 2
    return found


@given(st.integers(2, 9), st.integers(1, 3), st.integers(1, 12), st.integers(0, 999))
def test_halving_drops_the_worse_half_after_each_round(n: int, keep: int, first: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names, keep = [f"m{i}" for i in range(n)], min(keep, n)
    losses = rng.random((100, n)).tolist()
    router = Route("halving", pick=keep, first=first).fresh(names)

    for row, alive in zip(losses, batch_halving(losses, names, keep, first), strict=True):
        assert set(router.choose(chance)) == alive
        router.learn(dict(zip(names, row, strict=True)))


def test_of_many_candidates_halving_finds_the_best() -> None:
    losses = {f"m{i}": 0.1 + 0.05 * i for i in range(16)}
    router = Route("halving", first=200).fresh(list(losses))

    assert run(router, 5_000, losses)[-1] == ["m0"]


@pytest.mark.parametrize("policy", ["ucb", "thompson", "epsilon", "halving"])
def test_a_router_goes_on_to_the_bit_after_a_pickle(policy: Any) -> None:
    router = Route(policy, cost=COSTS, budget_us=300.0, price=0.1, first=50).fresh(NAMES)
    run(router, 300)
    restored = pickling.loads(pickling.dumps(router), Allowed())

    assert digest(restored) == digest(router)
    assert run(restored, 300) == run(router, 300)
    assert digest(restored) == digest(router)


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"policy": "best"}, "route.policy"),
        ({"pick": 0}, "route.pick"),
        ({"pick": 4}, "route.pick"),
        ({"explore": -1}, "route.explore"),
        ({"cost": {}}, "route.cost"),
        ({"budget_us": 5.0}, "route.cost"),
        ({"price": 1.0}, "route.cost"),
        ({"cost": {"cheap": 1.0}}, "route.cost"),
        ({"cost": {**COSTS, "dear": float("nan")}}, "route.cost['dear']"),
        ({"price": float("inf")}, "route.price"),
        ({"cost": COSTS, "budget_us": 5.0}, "route.budget_us"),
        ({"memory": 1}, "route.memory"),
        ({"first": 0}, "route.first"),
        ({"seed": True}, "route.seed"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_declared(options: dict[str, Any], culprit: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        Route(**options).fresh(NAMES)

    assert caught.value.argument == culprit


def test_one_step_leaves_nothing_to_choose() -> None:
    with pytest.raises(DeclarationError, match="nothing to choose from"):
        Route().fresh(["only"])
