"""Champion and challengers: who answers, for which keys, and when that changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

import msgspec

from headrace.errors import OrderError, SnapshotError
from headrace.tasks.canary import Ramp
from headrace.tasks.promotion import Canary, Promotion
from headrace.tasks.wager import Wager

COMBINED = "combined"
"""Name of the declared models' common answer, as answers and losses carry it."""

Action: TypeAlias = Literal["promoted", "demoted", "canary_started", "canary_grown", "canary_stopped"]
By: TypeAlias = Literal["rule", "hand"]


class Evidence(NamedTuple):
    """How one compares with the champion.

    ``n`` events were compared; ``losses`` has the mean loss of late of both, by name; ``e_value`` says how
    strongly the losses speak for a change, and ``limit`` how strong that has to be.
    """

    n: int
    losses: dict[str, float]
    e_value: float
    limit: float


class Turn(NamedTuple):
    """A change in who answers: what was done with which challenger, by whom, and who is champion now.

    ``share`` is that of the keys which the challenger answers for now.
    """

    action: Action
    by: By
    name: str
    champion: str
    share: float
    evidence: Evidence


class _State(msgspec.Struct, forbid_unknown_fields=True):
    champion: str
    wagers: dict[str, list[float]]
    rest: int
    has_begun: bool
    ramp: tuple[str, list[float]] | None


class Contest:
    """Compares challengers with the champion, and decides who that is; deterministic.

    The declared models are a party of their own, `COMBINED`, and champion at first. The others are compared
    with the champion on the same events, and all tests begin anew when it changes.

    Parameters
    ----------
    names
        Of the challengers.
    promotion, canary
        The declarations.
    """

    def __init__(self, names: Sequence[str], promotion: Promotion, canary: Canary | None = None) -> None:
        self._names = (COMBINED, *names)
        self._promotion, self._canary = promotion, canary
        self._limit = len(names) / promotion.alpha  # the chances of several add up to alpha
        self._needs_no_win = canary is not None and canary.begin == "start"
        self._has_begun = not self._needs_no_win
        self._wagers: dict[str, Wager]
        self._ramp: Ramp | None
        self._crown(COMBINED)
        self._rest = 0

    @property
    def champion(self) -> str | None:
        """The challenger that answers, ``None`` if the declared models do."""
        return None if self._champion == COMBINED else self._champion

    @property
    def shares(self) -> dict[str, float]:
        """Share of the keys that each party answers for, by name."""
        found = dict.fromkeys(self._names, 0.0)
        found[self._champion] = 1.0
        if self._ramp is not None:
            found[self._ramp.name] = self._ramp.share
            found[self._champion] -= self._ramp.share
        return found

    @property
    def standings(self) -> dict[str, Evidence]:
        """How each one compares with the champion, by name."""
        return {name: self._evidence(name) for name in self._wagers}

    def answerer(self, key: bytes) -> str | None:
        """Return which challenger answers for *key*, ``None`` if the declared models do."""
        ramp = self._ramp
        if ramp is not None and ramp.answers(key):
            return ramp.name
        return None if self._champion == COMBINED else self._champion

    def scored(self, losses: Mapping[str, float]) -> Turn | None:
        """Take in what each party lost on an event, from 0 to 1; return what changes after it."""
        loss = losses[self._champion]
        for name, wager in self._wagers.items():
            wager.see(loss, losses[name])
        if self._ramp is not None:
            self._ramp.see(loss, losses[self._ramp.name])
            return self._ramped(self._ramp)
        if self._rest:
            self._rest -= 1
            return None
        return self._judged()

    def promote(self, name: str) -> Turn:
        """Let challenger *name* be champion; where a canary is declared, that begins, unless it runs already.

        Raises
        ------
        OrderError
            If there is no such challenger, it is champion, or another one's canary runs.
        """
        if name not in self._names[1:]:
            raise OrderError(
                f"there is no challenger {name!r}", why=f"there are {', '.join(self._names[1:])}"
            )
        if name == self._champion:
            raise OrderError(f"{name!r} is champion already")
        if self._ramp is not None and self._ramp.name != name:
            raise OrderError(
                f"the canary of {self._ramp.name!r} runs", fix="demote it first: that stops its canary"
            )
        return self._won(name, "hand")

    def demote(self, name: str | None = None) -> Turn:
        """Let the declared models be champion again, or stop the canary if they are.

        *name* is that of the challenger; without one it is the champion or, if that is none, the canary's.

        Raises
        ------
        OrderError
            If no challenger, or not that one, answers.
        """
        if self.champion is not None and name in (self.champion, None):
            return self._changed(COMBINED, "hand")
        if self._ramp is not None and name not in (self._ramp.name, None):
            raise OrderError(f"{name!r} answers for no key", why=f"the canary of {self._ramp.name!r} runs")
        return self.stop_canary()

    def stop_canary(self) -> Turn:
        """Let the challenger whose canary runs answer for no key any more.

        Raises
        ------
        OrderError
            If none runs.
        """
        if self._ramp is None:
            raise OrderError(
                "no challenger answers", why="the declared models are champion, and no canary runs"
            )
        return self._stopped(self._ramp, "hand")

    def state(self) -> dict[str, object]:
        """Return what is written down."""
        ramp = None if self._ramp is None else (self._ramp.name, self._ramp.state())
        wagers = {name: wager.state() for name, wager in self._wagers.items()}
        found = _State(self._champion, wagers, self._rest, self._has_begun, ramp)
        state: dict[str, object] = msgspec.to_builtins(found)
        return state

    def restore(self, state: object) -> None:
        """Go on from what `state` returned.

        Raises
        ------
        SnapshotError
            If it is of other challengers.
        """
        try:
            found = msgspec.convert(state, _State)
            self._take_over(found)
        except (msgspec.ValidationError, KeyError, ValueError) as error:
            raise SnapshotError(
                "contest",
                "the snapshot holds other challengers than the pipeline",
                why=str(error),
                fix="raise the pipeline's version when its challengers or the canary's steps change",
            ) from error

    def _take_over(self, found: _State) -> None:
        names = [found.champion, *found.wagers]
        if {*names} != {*self._names}:
            raise ValueError(f"expected {', '.join(self._names)}, found {', '.join(names)}")
        self._crown(found.champion)
        for name, said in found.wagers.items():
            self._wagers[name].restore(said)
        self._ramp = self._restored_ramp(found.ramp)
        self._rest, self._has_begun = found.rest, found.has_begun

    def _restored_ramp(self, said: tuple[str, list[float]] | None) -> Ramp | None:
        if said is None:
            return None
        if self._canary is None or said[0] not in self._wagers:
            raise ValueError(f"a canary of {said[0]} runs, and none is declared")
        ramp = Ramp(self._canary, self._own(said[0]))
        ramp.restore(said[1])
        return ramp

    def _judged(self) -> Turn | None:
        """Return what the rule demands after an event: a change of champion, or that a canary begins."""
        name, canary = self._names[1], self._canary
        if canary is not None and not self._has_begun and self._wagers[name].n >= self._promotion.at_least:
            return self._ramp_begun(canary, name, "rule")
        best = self._best()
        return None if best is None else self._won(best, "rule")

    def _best(self) -> str | None:
        """Return who is certain to lose less than the champion; of several, who is most."""
        if self._promotion.by == "hand":
            return None
        best, most = None, self._limit
        for name, wager in self._wagers.items():
            e_value = wager.e_value
            if e_value >= most and wager.n >= self._promotion.at_least and wager.is_ahead:
                best, most = name, e_value
        return best

    def _ramped(self, ramp: Ramp) -> Turn | None:
        """Return what becomes of a canary after an event."""
        if ramp.worse.e_value * self._promotion.alpha >= 1.0 and ramp.worse.is_ahead:
            return self._stopped(ramp, "rule")
        if (ramp.is_over and ramp.share == 1.0) or (self._needs_no_win and self._best() == ramp.name):
            return self._changed(ramp.name, "rule")
        if ramp.grow():
            evidence = self._evidence(ramp.name)
            return Turn("canary_grown", "rule", ramp.name, self._champion, ramp.share, evidence)
        return None

    def _won(self, name: str, by: By) -> Turn:
        """Promote *name*: by a canary where one is declared that has not run; who returns needs none."""
        if name == COMBINED or self._canary is None or self._ramp is not None:
            return self._changed(name, by)
        return self._ramp_begun(self._canary, name, by)

    def _ramp_begun(self, canary: Canary, name: str, by: By) -> Turn:
        self._has_begun = True
        self._ramp = ramp = Ramp(canary, self._own(name))
        return Turn("canary_started", by, name, self._champion, ramp.share, self._evidence(name))

    def _changed(self, champion: str, by: By) -> Turn:
        before, evidence = self._champion, self._evidence(champion)
        self._crown(champion)
        if champion == COMBINED:
            return Turn("demoted", by, before, champion, 0.0, evidence)
        return Turn("promoted", by, champion, champion, 1.0, evidence)

    def _stopped(self, ramp: Ramp, by: By) -> Turn:
        worse, (challenger, champion) = ramp.worse, ramp.worse.losses
        losses = {self._champion: champion, ramp.name: challenger}
        evidence = Evidence(worse.n, losses, worse.e_value, 1.0 / self._promotion.alpha)
        self._wagers[ramp.name] = Wager()
        self._ramp, self._rest = None, self._promotion.cooldown
        return Turn("canary_stopped", by, ramp.name, self._champion, 0.0, evidence)

    def _crown(self, champion: str) -> None:
        """Compare all others with *champion* from now on."""
        self._champion, self._ramp = self._own(champion), None
        self._rest = self._promotion.cooldown
        self._wagers = {name: Wager() for name in self._names if name != champion}

    def _own(self, name: str) -> str:
        """Return the text among the names that equals *name*: pickles tell one text from two equal ones."""
        return self._names[self._names.index(name)]

    def _evidence(self, name: str) -> Evidence:
        wager = self._wagers[name]
        champion, challenger = wager.losses
        return Evidence(wager.n, {self._champion: champion, name: challenger}, wager.e_value, self._limit)
