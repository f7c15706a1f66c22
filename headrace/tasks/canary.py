"""A canary at work: which keys have the challenger's answer, and whether it is worse."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from headrace.tasks.promotion import Canary
from headrace.tasks.wager import Wager

_MASK = 0xFFFFFFFF
_GOLDEN = 0x9E3779B1
_UNIT = 2.0**-32


def place_of(key: bytes, name: str) -> float:
    """Return where *key* stands among all keys, 0 to below 1; for each challenger *name* in another order.

    CRC-32 and a multiplication (Knuth 1973, 6.4), not the hash that chooses the partition: of a partition
    the same share is chosen as of all.
    """
    mixed = crc32(key, crc32(name.encode()))
    mixed = (mixed ^ mixed >> 16) * _GOLDEN & _MASK
    return (mixed ^ mixed >> 15) * _UNIT


class Ramp:
    """The way of one challenger from a small share of the keys to a larger one.

    Parameters
    ----------
    declared
        Steps, and how many events each takes.
    name
        Of the challenger.

    Attributes
    ----------
    worse
        Evidence that the challenger loses more than the champion.
    """

    def __init__(self, declared: Canary, name: str) -> None:
        self.name = name
        self.worse = Wager()
        self._declared = declared
        self._step = self._n = 0

    @property
    def share(self) -> float:
        """Share of the keys that the challenger answers for."""
        return self._declared.steps[self._step]

    @property
    def is_over(self) -> bool:
        """Whether the last step has taken its time."""
        return self._step + 1 == len(self._declared.steps) and self._n >= self._declared.every

    def answers(self, key: bytes) -> bool:
        """Return whether the challenger answers for *key*."""
        return place_of(key, self.name) < self.share

    def see(self, champion: float, challenger: float) -> None:
        """Take in what both lost on the next event, each in [0, 1]."""
        self.worse.see(challenger, champion)
        self._n += 1

    def grow(self) -> bool:
        """Go to the next step if this one has taken its time and is not the last; return whether so."""
        if self._n < self._declared.every or self._step + 1 == len(self._declared.steps):
            return False
        self._step, self._n = self._step + 1, 0
        return True

    def state(self) -> list[float]:
        """Return what is written down, without the name."""
        return [self._step, self._n, *self.worse.state()]

    def restore(self, state: Sequence[float]) -> None:
        """Go on from what `state` returned, or raise `ValueError`."""
        step, n, *worse = state
        if not 0 <= step < len(self._declared.steps):
            raise ValueError(f"step {step} of {len(self._declared.steps)}")
        self._step, self._n = int(step), int(n)
        self.worse.restore(worse)
