"""What a declaration of a bandit or of feedback may say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from river import base

from headrace.errors import DeclarationError
from headrace.feedback.arms import ArmRegression
from headrace.feedback.policies import EpsilonGreedy, LinUCB, Policy, Thompson
from headrace.models.inspection import unseeded, unseeded_engines
from headrace.models.labels import text_of
from headrace.models.verbs import task_of
from schemas.results import Label

_MOST_ARMS = 1_000
_POLICIES = (LinUCB, Thompson, EpsilonGreedy)


def checked_arms(arms: Sequence[Label]) -> tuple[Label, ...]:
    """Return *arms* if they are actions that results can name."""
    if isinstance(arms, str | bytes) or not isinstance(arms, Sequence):
        raise DeclarationError(
            "arms", f"expected a list of actions, got {arms!r}", fix='arms=["banner", "mail", "nothing"]'
        )
    if not 2 <= len(arms) <= _MOST_ARMS:
        raise DeclarationError(
            "arms",
            f"expected 2 to {_MOST_ARMS:,} actions, got {len(arms)}",
            why="a choice needs two at least",
        )
    for arm in arms:
        if not isinstance(arm, str | int) or arm == "":
            raise DeclarationError(
                "arms",
                f"expected texts, whole numbers or booleans, got {arm!r}",
                why="results carry the action that was chosen",
            )
    if len({text_of(arm) for arm in arms}) < len(arms):
        raise DeclarationError(
            "arms",
            "two actions have the same name",
            why="results carry a probability for each, by its text: 1 and '1' are the same",
        )
    return tuple(arms)


def checked_policy(policy: object) -> Policy:
    """Return a copy of *policy* if it is one, and each arm can learn with it."""
    if not isinstance(policy, _POLICIES):
        shown = policy.__name__ if isinstance(policy, type) else repr(policy)
        raise DeclarationError(
            "policy",
            f"expected LinUCB, Thompson or EpsilonGreedy, got {shown}",
            fix=f"policy={shown}()" if policy in _POLICIES else "policy=headrace.LinUCB()",
        )
    copy = policy.checked()
    if isinstance(copy, EpsilonGreedy) and copy.model is not None:
        _check_regressor(copy.model)
    return copy


def _check_regressor(factory: Callable[[], Any]) -> None:
    try:
        one, other = factory(), factory()
    except Exception as error:
        raise DeclarationError(
            "policy.model",
            f"the factory raised {type(error).__name__}: {error}",
            fix="make the factory return a river regressor",
        ) from error
    if task_of(one) != "regression":
        raise DeclarationError(
            "policy.model",
            f"expected a river regressor, got {type(one).__name__}",
            why="it learns what an arm earns",
            fix="lambda: linear_model.LinearRegression()",
        )
    if one is other:
        raise DeclarationError(
            "policy.model",
            "the factory gives the same object twice",
            fix="build every part inside the factory",
        )
    if places := unseeded(one) or unseeded_engines(one):
        raise DeclarationError(
            "policy.model",
            f"not seeded: {', '.join(places[:3])}",
            why="the same events must give the same state again",
            fix="seed=7 (any number)",
        )


def checked_context(context: object, policy: Policy) -> Callable[[], base.Transformer] | None:
    """Return *context* if it is a factory of transformers that the arms of *policy* have use for."""
    if context is None:
        return None
    fix = "context=preprocessing.StandardScaler"
    if isinstance(context, base.Base) or not callable(context):
        raise DeclarationError("context", f"expected a factory, got {type(context).__name__}", fix=fix)
    if not isinstance(policy.regression(), ArmRegression):
        raise DeclarationError(
            "context",
            "the policy's own model gets the features as they are",
            fix="put the transformer into policy.model: lambda: StandardScaler() | ...",
        )
    made = context()
    if not isinstance(made, base.Transformer) or made._supervised:  # noqa: SLF001 - how river itself asks
        raise DeclarationError(
            "context",
            f"expected a transformer that needs no label, got {type(made).__name__}",
            fix=fix,
        )
    factory: Callable[[], base.Transformer] = context
    return factory


def checked_range(argument: str, given: object) -> tuple[float, float]:
    """Return *given* as least and highest value."""
    if isinstance(given, Sequence) and not isinstance(given, str | bytes) and len(given) == 2:
        low, high = given
        if is_number(low) and is_number(high) and low < high:
            return float(low), float(high)
    raise DeclarationError(
        argument,
        f"expected the least and the highest value, got {given!r}",
        why="a value beyond them is refused: one of 1e300 would ruin what was learned",
        fix=f"{argument}=(0.0, 1.0)",
    )


def checked_whole(argument: str, given: object, least: int, most: int) -> int:
    """Return *given* if it is a whole number from *least* to *most*."""
    if type(given) is not int or not least <= given <= most:
        raise DeclarationError(
            argument,
            f"expected a whole number from {least:,} to {most:,}, got {given!r}",
            fix=f"{argument}={least}",
        )
    return given


def is_number(value: object) -> bool:
    """Return whether *value* is a finite number, and no boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
