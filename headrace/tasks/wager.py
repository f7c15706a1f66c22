"""Evidence that one model loses less than another: bets on the events to come, which chance does not win."""

from __future__ import annotations

from collections.abc import Sequence

MEMORY = 2_000
"""Events after which one counts a third of a new one, in stakes and in mean losses."""

_KEPT = 1.0 - 1.0 / MEMORY
_MOST_STAKE = 0.75
"""So much of the capital at most: no single event takes more."""

_PATIENCE = 1_000
"""After so many events half of the first capital is staked; the rest comes to it little by little."""

_MOST = 1e9
"""More evidence is not kept: should the models change places, it must be lost first."""


class Wager:
    """Evidence against "at no event was the challenger expected to lose less than the champion".

    A bettor begins with a capital of 1. Before each event she stakes a share ``s`` of it on the challenger,
    by the past alone; the event multiplies it by ``1 + s * d``, where ``d`` in [-1, 1] is the champion's loss
    less the challenger's. If the mean of each ``d``, given the past, is at most 0, then the capital is a
    nonnegative supermartingale: the chance that it *ever* reaches ``c`` is at most ``1 / c`` (Ville 1939).
    One may look after each event and stop whenever one likes: an e-process by betting, as in Waudby-Smith
    and Ramdas (2024), "Estimating means of bounded random variables by betting", with their approximate
    GRAPA as stake: the mean of past differences over the mean of their squares, from 0 to 0.75.

    Two things are for streams that change, and keep the bound. The stake forgets with `MEMORY`. And after n
    events a reserve of ``1 / (1 + n / 1000)`` of the first capital is not staked yet (a mixture over the time
    of the first bet): what a long time without a difference has used up is not missed once there is one.

    Attributes
    ----------
    n
        Events seen.
    """

    __slots__ = ("_challenger", "_champion", "_invested", "_reserve", "_square", "_weight", "n")

    def __init__(self) -> None:
        self.n = 0
        self._reserve, self._invested = 1.0, 0.0
        self._champion = self._challenger = self._square = self._weight = 0.0

    def see(self, champion: float, challenger: float) -> None:
        """Take in what both lost on the next event, each in [0, 1]."""
        gap, difference = self._champion - self._challenger, champion - challenger
        self.n += 1
        reserve = _PATIENCE / (_PATIENCE + self.n)
        invested = self._invested + (self._reserve - reserve)
        self._reserve = reserve
        if gap > 0.0:
            invested *= 1.0 + min(gap / (1.0 + self._square), _MOST_STAKE) * difference
        self._invested = min(invested, _MOST)
        self._champion = _KEPT * self._champion + champion
        self._challenger = _KEPT * self._challenger + challenger
        self._square = _KEPT * self._square + difference * difference
        self._weight = _KEPT * self._weight + 1.0

    @property
    def e_value(self) -> float:
        """The capital: how many times the first one."""
        return self._reserve + self._invested

    @property
    def losses(self) -> tuple[float, float]:
        """Mean loss of champion and challenger of late, with `MEMORY`; 0 before the first event."""
        weight = self._weight or 1.0
        return self._champion / weight, self._challenger / weight

    @property
    def is_ahead(self) -> bool:
        """Whether the challenger lost less of late."""
        return self._champion > self._challenger

    def state(self) -> list[float]:
        """Return what is written down."""
        return [self.n, *(getattr(self, name) for name in _SUMS)]

    def restore(self, state: Sequence[float]) -> None:
        """Go on from what `state` returned, or raise `ValueError`."""
        n, *sums = state
        self.n = int(n)
        for name, value in zip(_SUMS, sums, strict=True):
            setattr(self, name, float(value))


_SUMS = ("_reserve", "_invested", "_champion", "_challenger", "_square", "_weight")
