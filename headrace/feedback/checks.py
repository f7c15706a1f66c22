"""What a declaration of a bandit or of feedback may say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from river import base

from headrace.errors import DeclarationError
from headrace.feedback.arms import ArmRegression
from headrace.feedback.policies import EpsilonGreedy, LinUCB, Policy, Thompson
from headrace.models.checks import sample_models
from headrace.models.inspection import difference, pickle_fault, unseeded
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
    argument = "policy.model"
    try:
        (model,) = sample_models({argument: factory}).values()
    except DeclarationError as error:  # it names an entry of models=
        _, _, what = error.what.partition(": ")
        raise DeclarationError(argument, what, why=error.why, fix=error.fix) from error
    if task_of(model) != "regression":
        raise DeclarationError(
            argument,
            f"expected a river regressor, got {type(model).__name__}",
            why="it learns what an arm earns",
            fix="lambda: linear_model.LinearRegression()",
        )


def reads_numbers(policy: Policy) -> bool:
    """Return whether the arms of *policy* learn numbers; a user's own model gets features as they are."""
    return isinstance(policy.regression(), ArmRegression)


def checked_context(context: object, policy: Policy) -> Callable[[], base.Transformer] | None:
    """Return *context* if it is a factory of transformers that the arms of *policy* have use for."""
    if context is None:
        return None
    if isinstance(context, base.Base) or not callable(context):
        raise _no_context(f"expected a factory, got {type(context).__name__}")
    if not reads_numbers(policy):
        raise DeclarationError(
            "context",
            "the policy's own model gets the features as they are",
            fix="put the transformer into policy.model: lambda: StandardScaler() | ...",
        )
    _check_transformer(context)
    factory: Callable[[], base.Transformer] = context
    return factory


def _check_transformer(factory: Callable[[], Any]) -> None:
    try:
        one, other = factory(), factory()
    except Exception as error:
        raise _no_context(f"the factory raised {type(error).__name__}: {error}") from error
    if not isinstance(one, base.Transformer) or one._supervised:  # noqa: SLF001 - how river itself asks
        raise _no_context(f"expected a transformer that needs no label, got {type(one).__name__}")
    if one is other:
        raise _no_context("the factory gives the same object twice")
    if places := unseeded(one):
        raise _no_context(f"not seeded: {', '.join(places[:3])}")
    if fault := pickle_fault(one):
        raise _no_context(f"the transformer cannot be pickled: {fault}")
    if difference(one, other) is not None:
        raise _no_context("the factory gives another transformer each time")


def _no_context(what: str) -> DeclarationError:
    return DeclarationError(
        "context",
        what,
        why="each partition has a transformer of its own, and the same events must give the same state again",
        fix="context=preprocessing.StandardScaler",
    )


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
