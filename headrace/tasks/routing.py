"""Which steps work on an event, by what they have lost and what they cost: a bandit with a budget."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf, isfinite, log, sqrt
from statistics import NormalDist
from typing import Any, Literal, Protocol, TypeAlias

from headrace.errors import DeclarationError
from headrace.tasks.halving import Halving
from headrace.tasks.purse import Purse

PolicyName: TypeAlias = Literal["ucb", "thompson", "epsilon", "halving"]
Chance: TypeAlias = Callable[[int], float]
"""Returns the n-th draw, from 0 to below 1: always the same for the same n."""

_POLICIES = ("ucb", "thompson", "epsilon", "halving")
_EXPLORE: dict[str, float] = {"ucb": 0.5, "thompson": 1.0, "epsilon": 0.05}
_NORMAL = NormalDist()
_LEAST_DRAW = 2.0**-53


class Ranking(Protocol):
    """Puts candidates in order, best first, and learns what they lost."""

    def order(self, prices: Mapping[str, float], chance: Chance) -> list[str]:
        """Return the candidates to be asked, best first; *prices* are in units of loss."""
        ...

    def chose(self, names: Sequence[str]) -> None:
        """Take in that *names* work on an event."""
        ...

    def learn(self, losses: Mapping[str, float]) -> None:
        """Take in the losses, 0 to 1, of those that answered."""
        ...


class Route:
    """Declares that only some of the steps work on each event: those worth their price.

    Parameters
    ----------
    policy
        ``"ucb"`` takes who could be best: the mean reward and ``explore * sqrt(2 * ln(n) / n_asked)`` (Auer
        et al. 2002), ``"thompson"`` each with the probability that it is best (Thompson 1933),
        ``"epsilon"`` the best so far and, in a share *explore* of the events, any. ``"halving"`` lets all
        work, and drops the worse half after each round (Jamieson and Talwalkar 2016): for many candidate
        configurations of one model.
    pick
        How many steps work on an event, at most.
    explore
        How much is explored. Default: 0.5 for ucb, 1 for thompson, 0.05 for epsilon.
    cost
        What each step costs an event, microseconds by name. ``"measured"``: nothing is known at first, a
        worker measures it, and what that changes is a decision that a replay reads.
    price
        How much of a loss a millisecond is worth: with 0.1 a step that takes a millisecond longer has to be
        right in 10 % more of the events. The reward is ``1 - loss - price * cost``.
    budget_us
        How many microseconds an event may cost on average: at no time have the events so far cost more. What
        cheap events leave is saved for dear ones, up to 100 budgets; a step that costs more never works.
    memory
        Over about how many events losses count; older ones fade (discounted UCB, Garivier and Moulines 2011).
    first
        Of halving, how many events the first round has; each later one has twice as many as the one before.
    seed
        Of its chance.

    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the policy is keyword-only
        self,
        policy: PolicyName = "ucb",
        *,
        pick: int = 1,
        explore: float | None = None,
        cost: Mapping[str, float] | Literal["measured"] | None = None,
        price: float = 0.0,
        budget_us: float | None = None,
        memory: int = 1_000,
        first: int = 200,
        seed: int = 1,
    ) -> None:
        if policy not in _POLICIES:
            raise DeclarationError(
                "route.policy",
                f"expected {', '.join(map(repr, _POLICIES))}, got {policy!r}",
                fix="policy='ucb'",
            )
        self.policy: PolicyName = policy
        self.pick = _checked_whole("pick", pick, 1)
        self.explore = _EXPLORE.get(policy, 0.0) if explore is None else _checked_number("explore", explore)
        self.is_measured = cost == "measured"
        self.cost = None if cost is None or self.is_measured else _checked_costs(cost)
        self.price = _checked_number("price", price)
        self.budget_us = None if budget_us is None else _checked_number("budget_us", budget_us)
        self.memory = _checked_whole("memory", memory, 2)
        self.first = _checked_whole("first", first, 1)
        self.seed = _checked_whole("seed", seed, 0)

    def check(self, names: Sequence[str]) -> None:
        """Refuse what does not fit steps of these *names*."""
        if len(names) < 2:
            raise DeclarationError(
                "route", "there is nothing to choose from", fix="models={...} with two or more"
            )
        if self.pick > len(names):
            raise DeclarationError(
                "route.pick",
                f"expected at most {len(names)}, got {self.pick}",
                why=f"steps: {', '.join(names)}",
            )
        if self.cost is None:
            if not self.is_measured and (self.price or self.budget_us is not None):
                raise DeclarationError(
                    "route.cost",
                    "a price or a budget needs to know what each step costs",
                    fix=f"cost='measured', or microseconds an event: cost={dict.fromkeys(names, 20)}",
                )
            return
        if set(self.cost) != set(names):
            raise DeclarationError(
                "route.cost",
                f"expected a cost for each of {', '.join(names)}, got {', '.join(self.cost)}",
                why="these are the members: what no other step takes as its input",
            )
        if self.budget_us is not None and min(self.cost.values()) > self.budget_us:
            raise DeclarationError(
                "route.budget_us",
                f"{self.budget_us:g} us are less than the cheapest step costs, {min(self.cost.values()):g}",
                why="each event needs one that answers",
            )

    def fresh(self, names: Sequence[str]) -> Router:
        """Return a router for steps of these *names* that has learned nothing."""
        self.check(names)
        ranking: Ranking = Bandit(names, self)
        if self.policy == "halving":
            ranking = Halving(names, self.pick, self.first)
        return Router(names, self, ranking)

    def __repr__(self) -> str:
        return f"Route({self.policy!r}, pick={self.pick}, budget_us={self.budget_us!r})"


class Router:
    """Chooses steps, and learns what they lost; `Route` makes it.

    Attributes
    ----------
    costs
        What each step costs, microseconds: a decision may change it.

    """

    def __init__(self, names: Sequence[str], declared: Route, ranking: Ranking) -> None:
        self.names = tuple(names)
        self.pick = len(names) if declared.policy == "halving" else declared.pick
        self.price = declared.price
        self.ranking = ranking
        self.costs = dict(declared.cost or dict.fromkeys(names, 0.0))
        self.purse = None if declared.budget_us is None else Purse(declared.budget_us)
        self.n_events = 0
        self.n_asked = dict.fromkeys(names, 0)
        self.spent_us = 0.0

    def choose(self, chance: Chance, out: Collection[str] = ()) -> list[str]:
        """Return the steps that work on the next event, best first: at least one of those that are not *out*.

        Where the budget is too small for any, the cheapest works all the same.
        """
        self.n_events += 1
        prices = {name: self.price * cost / 1_000.0 for name, cost in self.costs.items()}
        room_us = inf if self.purse is None else self.purse.open()
        chosen: list[str] = []
        for name in self.ranking.order(prices, chance):
            if len(chosen) < self.pick and self.costs[name] <= room_us and name not in out:
                chosen.append(name)
                room_us -= self.costs[name]
        able = [name for name in self.names if name not in out]
        if able and not chosen:
            chosen = [min(able, key=self.costs.__getitem__)]
        self._pay(chosen)
        return chosen

    def learn(self, losses: Mapping[str, float]) -> None:
        """Take in the losses, 0 to 1, of those that answered an event."""
        self.ranking.learn({name: loss for name, loss in losses.items() if name in self.costs})

    def measured(self, costs_us: Mapping[str, float]) -> None:
        """Take over what steps cost, as measured; those it does not name stay as they were."""
        self.costs |= {name: float(cost) for name, cost in costs_us.items() if name in self.costs}

    def shares(self) -> dict[str, float]:
        """Return on which part of the events so far each step worked."""
        return {name: n / max(self.n_events, 1) for name, n in self.n_asked.items()}

    @property
    def mean_cost_us(self) -> float:
        """What an event has cost so far, on average."""
        return self.spent_us / max(self.n_events, 1)

    def _pay(self, chosen: Sequence[str]) -> None:
        cost = sum(self.costs[name] for name in chosen)
        self.spent_us += cost
        if self.purse is not None:
            self.purse.pay(cost)
        for name in chosen:
            self.n_asked[name] += 1
        self.ranking.chose(chosen)


class Bandit:
    """Candidates in the order of an index of their losses; labels may come long after the choice."""

    def __init__(self, names: Sequence[str], declared: Route) -> None:
        self.policy = declared.policy
        self.explore = declared.explore
        self.keep = 1.0 - 1.0 / declared.memory
        self.n_chosen = 0
        self.asked = dict.fromkeys(names, 0.0)
        self.n = dict.fromkeys(names, 0.0)
        self.lost = dict.fromkeys(names, 0.0)

    def order(self, prices: Mapping[str, float], chance: Chance) -> list[str]:
        """Return all, the highest index first; of equal ones, the first declared."""
        names, base = [*self.asked], self.n_chosen * (len(self.asked) + 1)
        self.n_chosen += 1
        explores = self.policy == "epsilon" and chance(base + len(names)) < self.explore
        draws = dict.fromkeys(names, 0.0)
        if explores or self.policy == "thompson":
            draws = {name: chance(base + i) for i, name in enumerate(names)}
        if explores:
            return sorted(names, key=draws.__getitem__)
        index = {name: self._index(name, draws[name]) - prices[name] for name in names}
        return sorted(names, key=lambda name: -index[name])

    def chose(self, names: Sequence[str]) -> None:
        """Count who was asked; earlier choices fade."""
        self.asked = {name: n * self.keep + (name in names) for name, n in self.asked.items()}

    def learn(self, losses: Mapping[str, float]) -> None:
        """Take in losses; earlier ones fade."""
        self.n = {name: n * self.keep + (name in losses) for name, n in self.n.items()}
        self.lost = {name: lost * self.keep + losses.get(name, 0.0) for name, lost in self.lost.items()}

    def mean_loss(self, name: str) -> float:
        """Return the mean loss, begun as if one had been 0.5."""
        return (self.lost[name] + 0.5) / (self.n[name] + 1.0)

    def _index(self, name: str, drawn: float) -> float:
        reward = 1.0 - self.mean_loss(name)
        if self.policy == "epsilon":
            return reward
        if self.policy == "ucb":
            if not self.asked[name]:
                return inf
            total = max(sum(self.asked.values()), 1.0)
            return reward + self.explore * sqrt(2.0 * log(total) / self.asked[name])
        a = 1.0 + self.n[name] - self.lost[name]
        b = 1.0 + self.lost[name]
        spread = sqrt(a * b / (a + b + 1.0)) / (a + b)  # of Beta(a, b), taken as normal
        return a / (a + b) + self.explore * spread * _NORMAL.inv_cdf(max(drawn, _LEAST_DRAW))


def _checked_number(name: str, value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) and value >= 0:
        return float(value)
    raise DeclarationError(f"route.{name}", f"expected a number from 0 on, got {value!r}", fix="leave it out")


def _checked_whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= least:
        return value
    raise DeclarationError(
        f"route.{name}", f"expected a whole number, {least} or more, got {value!r}", fix="leave it out"
    )


def _checked_costs(cost: Any) -> dict[str, float]:
    if not isinstance(cost, Mapping) or not cost:
        raise DeclarationError(
            "route.cost",
            f"expected microseconds by name, got {cost!r}",
            fix="cost={'linear': 20, 'forest': 900}  microseconds an event",
        )
    return {name: _checked_number(f"cost[{name!r}]", value) for name, value in cost.items()}
