"""How a bandit chooses: each policy says with which probability it takes each arm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import exp, isfinite, sqrt
from typing import Any, ClassVar, Protocol

from headrace.errors import DeclarationError
from headrace.feedback.arms import ArmRegression
from headrace.feedback.contest import contest


class Policy(Protocol):
    """What a bandit asks of its policy; with ``reads_variances``, also how sure each arm is."""

    reads_variances: ClassVar[bool]

    def checked(self) -> Policy:
        """Return a copy, or raise `DeclarationError`."""
        ...

    def regression(self) -> Any:
        """Return what an arm learns its rewards with, fresh."""
        ...

    def shares(self, means: Sequence[float], variances: Sequence[float], n: int) -> list[float]:
        """Return the probability of each arm, given what each expects, after *n* rewards.

        They add up to 1.
        """
        ...


@dataclass(frozen=True)
class LinUCB:
    """Take the arm that could be best: the highest upper confidence bound of its expected reward.

    The bound is ``mean + width * sqrt(1 / beta + variance)``, the choice that of
    `river.bandit.LinUCBDisjoint` with the same *alpha* and *beta*; equal bounds share. Li, Chu, Langford and
    Schapire 2010.

    Parameters
    ----------
    width
        How many standard deviations above the mean the bound lies; more explores more.
    alpha, beta
        Precision of the prior and of a reward, as in `river.linear_model.BayesianLinearRegression`.
    explore
        Share of events in which chance takes any arm. Without, each choice has propensity 1, and nothing can
        be estimated of what was not chosen.

    """

    reads_variances: ClassVar[bool] = True

    width: float = 1.0
    alpha: float = 1.0
    beta: float = 1.0
    explore: float = 0.05

    def checked(self) -> LinUCB:
        """Return a copy, or raise `DeclarationError`."""
        _require_at_least_zero("width", self.width)
        _require_precisions(self)
        _require_share("explore", self.explore)
        return replace(self)

    def regression(self) -> ArmRegression:
        """Return what an arm learns its rewards with, fresh."""
        return ArmRegression(self.alpha, self.beta)

    def shares(self, means: Sequence[float], variances: Sequence[float], n: int) -> list[float]:
        """Return the probability of each arm, given what each expects."""
        noise, width = 1.0 / self.beta, self.width
        bounds = [
            mean + width * sqrt(noise + variance) for mean, variance in zip(means, variances, strict=True)
        ]
        return _mixed(_best(bounds), self.explore)


@dataclass(frozen=True)
class Thompson:
    """Take each arm with the probability that it is the best one, as far as the rewards so far tell.

    The expected reward of an arm is normal about its mean; the probabilities are worked out, not sampled, and
    the arm is drawn from them. Thompson 1933; Agrawal and Goyal 2013 for linear rewards.

    Parameters
    ----------
    scale
        Factor of the standard deviation of what an arm may be worth; more explores more. Rewards from 0 to 1
        have a standard deviation of at most 0.5, where ``beta=1`` expects 1.
    alpha, beta
        Precision of the prior and of a reward, as in `river.linear_model.BayesianLinearRegression`.
    explore
        Share of events in which chance takes any arm, so that no propensity is next to nothing.

    """

    reads_variances: ClassVar[bool] = True

    scale: float = 0.5
    alpha: float = 1.0
    beta: float = 1.0
    explore: float = 0.05

    def checked(self) -> Thompson:
        """Return a copy, or raise `DeclarationError`."""
        _require_at_least_zero("scale", self.scale)
        _require_precisions(self)
        _require_share("explore", self.explore)
        return replace(self)

    def regression(self) -> ArmRegression:
        """Return what an arm learns its rewards with, fresh."""
        return ArmRegression(self.alpha, self.beta)

    def shares(self, means: Sequence[float], variances: Sequence[float], n: int) -> list[float]:
        """Return the probability of each arm, given what each expects."""
        scale = self.scale
        return _mixed(contest(means, [scale * sqrt(variance) for variance in variances]), self.explore)


@dataclass(frozen=True)
class EpsilonGreedy:
    """Take the arm that looks best, and now and then any; equal ones share.

    As `river.bandit.EpsilonGreedy`, but what looks best depends on the context.

    Parameters
    ----------
    epsilon
        Share of events in which chance takes any arm.
    decay
        After n rewards the share is ``epsilon * exp(-n * decay)``.
    model
        A factory of river regressors, one for each arm, that get the features as they are. By default
        Bayesian linear regression.

    """

    reads_variances: ClassVar[bool] = False

    epsilon: float = 0.1
    decay: float = 0.0
    model: Callable[[], Any] | None = None

    def checked(self) -> EpsilonGreedy:
        """Return a copy, or raise `DeclarationError`."""
        _require_share("epsilon", self.epsilon)
        _require_at_least_zero("decay", self.decay)
        if self.model is not None and not callable(self.model):
            raise DeclarationError(
                "policy.model",
                f"expected a factory, got {type(self.model).__name__}",
                why="each arm needs a fresh model of its own",
                fix="write  lambda: ...  around the model",
            )
        return replace(self)

    def regression(self) -> Any:
        """Return what an arm learns its rewards with, fresh."""
        return ArmRegression() if self.model is None else self.model()

    def shares(self, means: Sequence[float], variances: Sequence[float], n: int) -> list[float]:
        """Return the probability of each arm, given what each expects, after *n* rewards."""
        epsilon = self.epsilon * exp(-n * self.decay) if self.decay else self.epsilon
        return _mixed(_best(means), epsilon)


def bare(policy: Policy) -> Policy:
    """Return a copy of *policy* that can be pickled: without the factory of models, which are made by now."""
    return replace(policy, model=None) if isinstance(policy, EpsilonGreedy) else policy.checked()


def _best(values: Sequence[float]) -> list[float]:
    """Return 1 for the largest of *values* and 0 for the others; equal ones share."""
    highest = max(values)
    n_best = sum(value == highest for value in values)
    return [1.0 / n_best if value == highest else 0.0 for value in values]


def _mixed(shares: list[float], explore: float) -> list[float]:
    """Return *shares* when a share *explore* of the choices is by chance alone."""
    floor = explore / len(shares)
    return [floor + (1.0 - explore) * share for share in shares]


def _require_precisions(policy: LinUCB | Thompson) -> None:
    for name in ("alpha", "beta"):
        value = getattr(policy, name)
        if not (_is_number(value) and value > 0):
            raise _wrong(name, "a number above 0", value, "1.0")


def _require_at_least_zero(name: str, value: object) -> None:
    if not (_is_number(value) and value >= 0):  # type: ignore[operator]
        raise _wrong(name, "a number from 0 on", value, "1.0")


def _require_share(name: str, value: object) -> None:
    if not (_is_number(value) and 0 <= value <= 1):  # type: ignore[operator]
        raise _wrong(name, "a share from 0 to 1", value, "0.05")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _wrong(name: str, expected: str, value: object, example: str) -> DeclarationError:
    return DeclarationError(
        f"policy.{name}", f"expected {expected}, got {value!r}", fix=f"{name}={example}, or leave it out"
    )
