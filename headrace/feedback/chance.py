"""Chance without a generator: the n-th draw is a pure function of a seed and n."""

from __future__ import annotations

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_UNIT = 2.0**-53


def draw(seed: int, n: int, salt: int = 0) -> float:
    """Return draw *n* of those that *seed* and *salt* name: in [0, 1), a multiple of 2**-53.

    The mixing steps of SplitMix64 (Steele, Lea and Flood 2014) over the three. Nothing has to be kept but the
    count: a generator's state would be 2.5 kB in every snapshot.
    """
    state = _mixed(_mixed(seed & _MASK) ^ (salt & _MASK))
    return (_mixed((state + n * _GOLDEN) & _MASK) >> 11) * _UNIT


def _mixed(z: int) -> int:
    z = (z + _GOLDEN) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
