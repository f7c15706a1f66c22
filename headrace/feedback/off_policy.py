"""What other policies would have earned, estimated from the rewards of the one that chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

import msgspec

from headrace.errors import DeclarationError, SnapshotError
from headrace.feedback.checks import checked_arms, is_number
from headrace.models.labels import text_of
from schemas.feedback import PolicyReport, PolicyValue
from schemas.results import Answer, Label

CLIP = 1_000.0
"""Highest weight of one reward: a propensity of 1/1000."""


class _Sums(msgspec.Struct, forbid_unknown_fields=True):
    """Sums over the rewards in which a policy would have chosen as was chosen; w is 1 / propensity."""

    n: int = 0
    w: float = 0.0
    ww: float = 0.0
    wr: float = 0.0
    wwr: float = 0.0
    wwrr: float = 0.0

    def add(self, weight: float, reward: float) -> None:
        squared = weight * weight
        self.n += 1
        self.w += weight
        self.ww += squared
        self.wr += weight * reward
        self.wwr += squared * reward
        self.wwrr += squared * reward * reward

    def value(self, n_all: int) -> PolicyValue:
        """Return the estimates when *n_all* rewards are known in all: the others add zeros."""
        ips = self.wr / n_all if n_all else None
        snips = self.wr / self.w if self.w else None
        ips_error = snips_error = None
        if ips is not None and n_all > 1:
            ips_error = sqrt(max(self.wwrr - n_all * ips * ips, 0.0) / (n_all * (n_all - 1)))
        if snips is not None and self.n > 1:  # the delta method
            spread = self.wwrr - 2 * snips * self.wwr + snips * snips * self.ww
            snips_error = sqrt(max(spread, 0.0)) / self.w
        effective = self.w * self.w / self.ww if self.ww else 0.0
        return PolicyValue(self.n, ips, ips_error, snips, snips_error, effective)


class _State(msgspec.Struct, forbid_unknown_fields=True):
    n: int
    clipped: int
    logged: _Sums
    greedy: _Sums
    arms: dict[str, _Sums]


class OffPolicy:
    """Off-policy evaluation of each arm, and of always choosing the arm that looks best.

    Inverse propensity scores (Horvitz and Thompson 1952) and the self-normalised estimate, which varies less
    (Swaminathan and Joachims 2015). Both need that every arm had a chance: a policy with ``explore`` above 0.

    Parameters
    ----------
    arms
        The bandit's, in its order.
    clip
        Highest weight of one reward, ``None`` for no bound. Less varies less and is biased towards the logged
        policy.

    """

    def __init__(self, arms: Sequence[Label], clip: float | None = CLIP) -> None:
        self.arms = checked_arms(arms)
        if clip is not None and not (is_number(clip) and clip >= 1):
            raise DeclarationError(
                "clip", f"expected a number from 1 on or None, got {clip!r}", fix="clip=1000.0"
            )
        self.clip = clip
        names = [text_of(arm) for arm in self.arms]
        self._state = _State(0, 0, _Sums(), _Sums(), {name: _Sums() for name in names})

    def update(self, answer: Answer, reward: float, values: Mapping[str, float] | None = None) -> None:
        """Take in what the arm that *answer* chose has earned.

        Parameters
        ----------
        answer
            What `BanditModel.answer` gave then, with its propensities.
        reward
            What it earned.
        values
            What each arm was expected to earn before this reward was learned (`BanditModel.values`); without,
            it says nothing of the greedy policy.

        Raises
        ------
        ValueError
            If *answer* names no arm with a propensity above 0; nothing is changed.

        """
        name = text_of(answer.prediction)
        propensity = (answer.probability or {}).get(name, 0.0)
        if name not in self._state.arms or not 0.0 < propensity <= 1.0 + 1e-9:
            raise ValueError(f"{name!r} is no arm with a propensity above 0, but has {propensity}")
        state, weight = self._state, 1.0 / propensity
        if self.clip is not None and weight > self.clip:
            weight = self.clip
            state.clipped += 1
        state.n += 1
        state.logged.add(1.0, reward)
        state.arms[name].add(weight, reward)
        if values is not None and values[name] == max(values.values()):
            n_best = sum(value == values[name] for value in values.values())
            state.greedy.add(weight / n_best, reward)

    def report(self) -> PolicyReport:
        """Return all estimates so far."""
        state = self._state
        logged = state.logged.value(state.n)
        arms = {name: sums.value(state.n) for name, sums in state.arms.items()}
        return PolicyReport(
            state.n, state.clipped, logged.ips, logged.ips_error, arms, state.greedy.value(state.n)
        )

    def state(self) -> Any:
        """Return the state as plain values."""
        return msgspec.to_builtins(self._state)

    def restore(self, state: Any) -> None:
        """Become what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of other arms.

        """
        try:
            found = msgspec.convert(state, _State)
        except msgspec.ValidationError as error:
            raise SnapshotError("state", "the snapshot holds no sums of rewards", why=str(error)) from error
        names = [*self._state.arms]
        if [*found.arms] != names:
            raise SnapshotError(
                "state",
                "the snapshot holds sums of other arms",
                why=f"expected {', '.join(names)}, found {', '.join(found.arms)}",
                fix="raise the pipeline's version when its arms change",
            )
        self._state = found
