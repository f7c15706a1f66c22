"""What one arm knows: river's Bayesian linear regression of its rewards, asked in one product."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import copysign

import numpy as np
import numpy.typing as npt
from river import linear_model

Vector = npt.NDArray[np.float64]
_MOST_SQUARE = 1e10
"""A square of the features, by precision of a reward and prior, that leaves six digits of what was known."""

_MOST_ASKED = 1e100
"""What a feature counts at most when arms are asked: squares, and sums of them, stay finite."""

Asked = tuple[Vector, float]
"""Features as a vector, and the sum of squares of those it has no room for."""


class ArmRegression(linear_model.BayesianLinearRegression):
    """River's regression, whose mean and variance several arms give for one vector of features.

    ``predict_one(x, with_dist=True)`` says the same in 27 us, since it fills a vector and builds a
    distribution on every call. Arms of one bandit admit the same names in the same order, so that one vector
    fits all.
    """

    def admit(self, names: Iterable[str]) -> None:
        """Make room for *names*, in this order; those it has stay where they are."""
        self._ensure_features(names)
        self._m_dirty = True  # the mean needs the room, too

    def vector(self, x: Mapping[str, float]) -> Asked:
        """Return the features it has room for as a vector, and the sum of squares of all others."""
        at, unknown = np.zeros(self._cap), 0.0
        index = self._idx
        for name, value in x.items():
            if abs(value) > _MOST_ASKED:
                value = copysign(_MOST_ASKED, value)  # noqa: PLW2901 - the same feature, within bounds
            place = index.get(name)
            if place is None:
                unknown += value * value
            else:
                at[place] = value
        return at, unknown

    def mean(self, at: Vector) -> float:
        """Return the expected reward of the context *at*; something has to be admitted before."""
        self._ensure_m()
        return float(self._m_arr @ at)

    def variance(self, at: Vector, unknown: float) -> float:
        """Return the variance of the expected reward, less the noise of one reward.

        *unknown* is what `vector` returned with *at*; of those features it knows only the prior.
        """
        return max(float(at @ self._ss_inv_arr @ at), 0.0) + float(unknown / self.alpha)

    def learn_weighted(self, x: Mapping[str, float], reward: float, weight: float) -> None:
        """Learn as if the reward had come *weight* times: exact, for any weight above 0.

        Raises
        ------
        ValueError
            If the features are so large that what it knows would be lost in rounding; nothing is changed.

        """
        square = weight * sum(value * value for value in x.values())
        if not square * self.beta <= _MOST_SQUARE * self.alpha:
            raise ValueError(
                f"the features, squared and weighted, add up to {square:.3g}: more than {_MOST_SQUARE:.0e}. "
                "context=preprocessing.StandardScaler makes them of one size"
            )
        if weight != 1.0:
            root = weight**0.5
            x, reward = {name: value * root for name, value in x.items()}, reward * root
        self.learn_one(x, reward)  # type: ignore[no-untyped-call] # river's own
