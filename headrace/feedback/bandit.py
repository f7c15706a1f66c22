"""A contextual bandit: it chooses one of several actions for each event and learns what that earned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import isfinite
from typing import Any, Literal

from river import base, preprocessing

from headrace.feedback.arms import ArmRegression, Asked
from headrace.feedback.chance import draw
from headrace.feedback.checks import (
    checked_arms,
    checked_context,
    checked_policy,
    checked_range,
    checked_whole,
    reads_numbers,
)
from headrace.feedback.context import INTERCEPT, Context
from headrace.feedback.policies import LinUCB, Policy, bare
from headrace.feedback.weights import weighted
from headrace.models.labels import text_of
from headrace.models.verbs import Chooser
from schemas.results import Answer, Label

MAX_FEATURES = 64
"""Each arm holds two square matrices: 65 kB with 64 features."""

_MOST_FEATURES = 1_000


class Bandit:
    """Declares a bandit: ``models=headrace.Bandit(["a", "b"])``. Called, it gives a fresh one.

    Parameters
    ----------
    arms
        The actions, at least two: texts, whole numbers or booleans.
    policy
        How it chooses: `LinUCB`, `Thompson` or `EpsilonGreedy`.
    reward
        Least and highest reward; another is refused.
    seed
        Of its chance.
    max_features
        How many features an arm learns, the intercept and each text of a text field counted; others that come
        later are left out.
    context
        A factory of a river transformer that gets the numbers first, not bools and texts, and learns from
        rewarded events. Default: `preprocessing.StandardScaler`. ``None``: numbers as they are, which then
        should be of about one size.

    Raises
    ------
    DeclarationError
        If an argument cannot be used.

    Examples
    --------
    >>> bandit = Bandit(["short", "long"], policy=LinUCB(explore=0.1))()
    >>> answer = bandit.answer({"age": 0.3, "new": True})
    >>> bandit.learn({"age": 0.3, "new": True}, 1.0, answer)

    """

    def __init__(
        self,
        arms: Sequence[Label],
        *,
        policy: Policy | None = None,
        reward: tuple[float, float] = (0.0, 1.0),
        seed: int = 1,
        max_features: int = MAX_FEATURES,
        context: Callable[[], base.Transformer] | Literal["default"] | None = "default",
    ) -> None:
        self.arms = checked_arms(arms)
        self.policy = checked_policy(LinUCB() if policy is None else policy)
        self.reward = checked_range("reward", reward)
        self.seed = checked_whole("seed", seed, 0, (1 << 63) - 1)
        self.max_features = checked_whole("max_features", max_features, 1, _MOST_FEATURES)
        if context == "default":
            context = preprocessing.StandardScaler if reads_numbers(self.policy) else None
        self.context = checked_context(context, self.policy)

    def __call__(self) -> BanditModel:
        """Return a fresh bandit."""
        return BanditModel(self, None if self.context is None else self.context())

    def __repr__(self) -> str:
        return f"Bandit({list(self.arms)!r}, policy={self.policy!r})"


class BanditModel(Chooser):
    """One bandit and what it has learned; `Bandit` makes it.

    Attributes
    ----------
    n_answers, n_rewards
        How often it was asked and taught. The choice is a function of its state, the answers counted.

    """

    def __init__(self, declared: Bandit, transformer: base.Transformer | None) -> None:
        self.arms = declared.arms
        self.names = [text_of(arm) for arm in declared.arms]
        self.reward = declared.reward
        self.seed = declared.seed
        self.policy = bare(declared.policy)
        self.regressions = [declared.policy.regression() for _ in declared.arms]
        self.context: Context | None = None
        if isinstance(self.regressions[0], ArmRegression):
            self.context = Context(declared.max_features, transformer)
            for regression in self.regressions:
                regression.admit([INTERCEPT])
        self.n_answers = 0
        self.n_rewards = 0

    def answer(self, x: Mapping[Any, Any], y: object = None, *, salt: int = 0) -> Answer:
        """Choose an arm for the context *x*.

        Parameters
        ----------
        x
            Features of the event: numbers, bools, texts.
        y
            Ignored: an event has no reward yet.
        salt
            Makes the chance of bandits with one seed differ: a number of the partition or of the key.

        Returns
        -------
        Answer
            The arm, and the probability that each had; the one drawn had exactly this.

        Raises
        ------
        ValueError
            If a feature is no number, bool or text, or an arm expects no finite reward.

        """
        at, means = self._expected(x)
        variances = self._variances(at) if self.policy.reads_variances else means
        shares = self.policy.shares(means, variances, self.n_rewards)
        drawn = draw(self.seed, self.n_answers, salt)
        self.n_answers += 1
        chosen = next(
            (i for i, end in enumerate(accumulate(shares)) if drawn < end),
            max(range(len(shares)), key=shares.__getitem__),  # rounding: the sum may be below 1
        )
        return Answer(self.arms[chosen], dict(zip(self.names, shares, strict=True)))

    def learn(self, x: Mapping[Any, Any], reward: float, answer: Answer, weight: float = 1.0) -> None:
        """Learn what the arm that *answer* names has earned.

        Parameters
        ----------
        x
            Features of the event, as they were asked with.
        reward
            Within the declared range.
        answer
            What `answer` gave then.
        weight
            How much it counts, 0 not at all; see `weights.weighted` for models of your own.

        Raises
        ------
        ValueError
            If the reward is out of range, or *answer* names no arm.

        """
        low, high = self.reward
        if not low <= reward <= high:
            raise ValueError(f"reward is {reward!r}, expected {low} to {high}")
        chosen = self._place(answer.prediction)
        if weight <= 0.0:
            return
        self.n_rewards += 1
        regression = self.regressions[chosen]
        if self.context is None:
            if weight == 1.0:
                regression.learn_one(x, reward)
            else:
                weighted(regression)(x, reward, weight)
            return
        numbers, new = self.context.learned(x)
        if new:
            for each in self.regressions:
                each.admit(new)
        regression.learn_weighted(numbers, reward, weight)

    def values(self, x: Mapping[Any, Any]) -> dict[str, float]:
        """Return what each arm is expected to earn, by the text of the arm."""
        return dict(zip(self.names, self._expected(x)[1], strict=True))

    def _expected(self, x: Mapping[Any, Any]) -> tuple[Asked | None, list[float]]:
        """Return *x* as the arms' regressions take it, and what each is expected to earn."""
        if self.context is None:
            asked, means = None, [float(regression.predict_one(x)) for regression in self.regressions]
        else:
            asked = self.regressions[0].vector(self.context.asked(x))
            means = [regression.mean(asked[0]) for regression in self.regressions]
        if not all(map(isfinite, means)):
            raise ValueError(f"expected rewards are {means}")
        return asked, means

    def _variances(self, asked: Asked | None) -> list[float]:
        if asked is None:
            return [0.0] * len(self.arms)
        variances = [regression.variance(*asked) for regression in self.regressions]
        if not all(map(isfinite, variances)):
            raise ValueError(f"variances of expected rewards are {variances}")
        return variances

    def _place(self, arm: object) -> int:
        try:
            return self.names.index(text_of(arm))
        except ValueError:
            raise ValueError(f"{arm!r} is no arm, expected one of {', '.join(self.names)}") from None
