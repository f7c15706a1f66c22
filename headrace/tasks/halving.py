"""Successive halving: many candidates begin, the worse half of them ends with each round."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


class Halving:
    """Candidates that are still in the race, best first.

    Jamieson and Talwalkar 2016. A round ends after so many events with a loss, twice as many as the round
    before had; who lost more on average than the better half goes. Who answered nothing has lost all.

    Parameters
    ----------
    names
        Of the candidates.
    keep
        How many are left in the end.
    first
        How many events the first round has.

    """

    def __init__(self, names: Sequence[str], keep: int, first: int) -> None:
        self.alive = list(names)
        self.keep = keep
        self.length = first
        self.n_round = 0
        self.lost = dict.fromkeys(names, 0.0)

    def order(self, prices: Mapping[str, float], chance: Callable[[int], float]) -> list[str]:
        """Return who is still in the race, the best of the round so far first."""
        return sorted(self.alive, key=lambda name: self.lost[name] / max(self.n_round, 1) + prices[name])

    def chose(self, names: Sequence[str]) -> None:
        """Nothing: all that are left work on each event."""

    def learn(self, losses: Mapping[str, float]) -> None:
        """Take in the losses of an event; at the end of a round let the worse half go."""
        if len(self.alive) <= self.keep or not any(name in losses for name in self.alive):
            return
        for name in self.alive:
            self.lost[name] += losses.get(name, 1.0)
        self.n_round += 1
        if self.n_round < self.length:
            return
        n_left = max((len(self.alive) + 1) // 2, self.keep)
        best = sorted(self.alive, key=self.lost.__getitem__)[:n_left]
        self.alive = [name for name in self.alive if name in best]
        self.lost = dict.fromkeys(self.lost, 0.0)
        self.n_round, self.length = 0, self.length * 2
