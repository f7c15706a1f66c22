"""The probability of each of several normal variables to be the largest of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, log, sqrt

import numpy as np

_REACH = 8.0
_STEPS_PER_UNIT = 64
_TABLE_Z = np.linspace(-_REACH, _REACH, int(2 * _REACH) * _STEPS_PER_UNIT + 1)
_TABLE_LOG = np.array([log(0.5 * erfc(-float(z) / sqrt(2))) for z in _TABLE_Z])
"""Logarithm of the normal distribution function; between its points a line is good to 1e-4."""

_NODES = np.linspace(-5.0, 5.0, 33)
_LEAST_SPREAD = 1e-12


def contest(means: Sequence[float], spreads: Sequence[float]) -> list[float]:
    """Return the probability of each variable to be the largest of all.

    Parameters
    ----------
    means, spreads
        Mean and standard deviation of each, in the same order. A spread of 0 counts as tiny: equal means
        share.

    Returns
    -------
    list of float
        They add up to 1 within rounding. For two it is the closed form; for more the integral of
        ``dF_a(t) * prod_b F_b(t)`` over b other than a, to about 1e-3.

    """
    if len(means) == 2:
        return _duel(means, spreads)
    m = np.array(means)
    s = np.maximum(np.array(spreads), _LEAST_SPREAD * (1.0 + np.abs(m)))
    at = np.sort((m[:, None] + s[:, None] * _NODES).ravel())
    logs = np.interp((at - m[:, None]) / s[:, None], _TABLE_Z, _TABLE_LOG)
    # That the largest lies between two nodes has an exact probability; who it is follows from the slopes.
    largest = np.diff(np.exp(logs.sum(axis=0)))
    slopes = np.diff(logs, axis=1)
    total = slopes.sum(axis=0)
    shares = (slopes * np.divide(largest, total, out=np.zeros_like(total), where=total > 0.0)).sum(axis=1)
    whole = shares.sum()
    return [float(share) for share in shares / whole]


def _duel(means: Sequence[float], spreads: Sequence[float]) -> list[float]:
    gap = means[0] - means[1]
    spread = sqrt(spreads[0] ** 2 + spreads[1] ** 2)
    if spread <= _LEAST_SPREAD * (1.0 + abs(gap)):
        first = 0.5 if gap == 0.0 else float(gap > 0.0)
        return [first, 1.0 - first]
    z = gap / (spread * sqrt(2))
    return [0.5 * erfc(-z), 0.5 * erfc(z)]
