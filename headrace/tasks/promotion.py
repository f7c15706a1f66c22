"""When a challenger may answer in place of the models that do: what a pipeline declares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import Any, Literal, TypeAlias, get_args

from headrace.errors import DeclarationError

Loss: TypeAlias = Literal["brier", "zero_one", "log", "absolute", "squared"]

_MOST_EVENTS = 1_000_000_000

_LEAST_ALPHA = 1e-6
"""Evidence is kept up to 1e9: a smaller chance could never be undercut."""


@dataclass(frozen=True)
class Promotion:
    """When a challenger becomes champion, and the declared models become it again.

    The losses of both on the same events are compared after each label. By rule the challenger is promoted as
    soon as it is certain to *alpha* that it loses less, see `headrace.tasks.wager`; and the declared models,
    which go on learning, return by the same test.

    Parameters
    ----------
    alpha
        How likely a challenger that is never expected to lose less is promoted at all on a partition, however
        long one compares and however many challengers there are; counted anew after each change of champion.
        From 1e-6 to 0.5.
    at_least
        Events that are compared before.
    cooldown
        Events that are compared after a change of champion, or a canary that was stopped, before the next
        change.
    by
        ``"rule"``, or ``"hand"``: only commands promote. The test goes on, so that people can see it.
    loss
        What is compared, from 0 to 1. Classifiers: ``"brier"`` (default; an answer without probabilities
        counts as certain), ``"zero_one"``, or ``"log"``, where a probability below 0.001 counts as that.
        Regressors: ``"absolute"`` (default) or ``"squared"`` errors, up to 8 times the median error before.
        No answer counts as 1.

    Raises
    ------
    DeclarationError
        If a value cannot be used.
    """

    alpha: float = 0.05
    at_least: int = 1_000
    cooldown: int = 1_000
    by: Literal["rule", "hand"] = "rule"
    loss: Loss | None = None

    def __post_init__(self) -> None:
        """Check what was given."""
        if not _is_number(self.alpha) or not _LEAST_ALPHA <= self.alpha <= 0.5:
            raise DeclarationError(
                "promotion.alpha",
                f"expected a number from {_LEAST_ALPHA:g} to 0.5, got {self.alpha!r}",
                why="it is the chance of a promotion that nothing speaks for",
                fix="alpha=0.05",
            )
        _whole("promotion.at_least", self.at_least, 1, Promotion.at_least)
        _whole("promotion.cooldown", self.cooldown, 0, Promotion.cooldown)
        _one_of("promotion.by", self.by, ("rule", "hand"))
        if self.loss is not None:
            _one_of("promotion.loss", self.loss, get_args(Loss))


@dataclass(frozen=True)
class Canary:
    """A challenger answers for a growing share of the keys first.

    Which keys is decided by a hash of the key and the challenger's name: a key stays on its side while the
    share grows. All models are compared on all events all the time; once the challenger is certain to lose
    more than the champion, with the alpha of `Promotion`, it answers for none.

    Parameters
    ----------
    steps
        Shares of the keys, each larger than the one before. After the last one the challenger is champion if
        that is 1.0; else the share stays until somebody decides.
    every
        Events that are compared on each step.
    begin
        ``"win"``: with the promotion, by rule or by hand. ``"start"``: without one, once `Promotion.at_least`
        events were compared; for pipelines with one challenger.

    Raises
    ------
    DeclarationError
        If a value cannot be used.
    """

    steps: Sequence[float] = (0.05, 0.2, 0.5, 1.0)
    every: int = 1_000
    begin: Literal["win", "start"] = "win"

    def __post_init__(self) -> None:
        """Check what was given."""
        object.__setattr__(self, "steps", _checked_steps(self.steps))
        _whole("canary.every", self.every, 1, Canary.every)
        _one_of("canary.begin", self.begin, ("win", "start"))


def _checked_steps(given: Any) -> tuple[float, ...]:
    is_sequence = isinstance(given, Sequence) and not isinstance(given, str | bytes)
    steps = tuple(given) if is_sequence else ()
    are_shares = bool(steps) and all(_is_number(step) and 0.0 < step <= 1.0 for step in steps)
    if not are_shares or any(low >= high for low, high in pairwise(steps)):
        raise DeclarationError(
            "canary.steps",
            f"expected shares above 0 and at most 1, each larger than the one before, got {given!r}",
            why="a key that has the challenger's answer keeps it while the share grows",
            fix="steps=(0.05, 0.2, 0.5, 1.0)",
        )
    return tuple(float(step) for step in steps)


def _is_number(given: object) -> bool:
    return type(given) in (int, float) and isfinite(given)  # type: ignore[arg-type] # a number by then


def _whole(argument: str, given: object, least: int, usual: int) -> None:
    if type(given) is not int or not least <= given <= _MOST_EVENTS:
        raise DeclarationError(
            argument,
            f"expected a whole number of events from {least} to {_MOST_EVENTS:,}, got {given!r}",
            fix=f"{argument.partition('.')[2]}={usual:_}",
        )


def _one_of(argument: str, given: object, known: tuple[str, ...]) -> None:
    if type(given) is not str or given not in known:
        raise DeclarationError(
            argument,
            f"expected one of {', '.join(map(repr, known))}, got {given!r}",
            fix=f"{argument.partition('.')[2]}={known[0]!r}",
        )
