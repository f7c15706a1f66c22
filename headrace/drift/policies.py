"""What a guard does about an error that has grown, each as an object with what it has to remember."""

from __future__ import annotations

from collections import deque
from typing import Any, Protocol

from headrace.drift import rates
from headrace.drift.blocks import BLOCK, Mean
from headrace.drift.declaration import Drift
from headrace.drift.learner import Learner

LEAST_COMPARED = 30
"""Events on which a model in the background is compared before it can take over."""

_KEEP = 0.98
"""What a difference of errors counts for, one event later: about the last 50 events decide."""

_CERTAIN = 1.5**2
"""Square of the standard deviations by which a model has to be better. Low, for a wrong change is undone
soon: with 3 instead of 1.5, accuracy in the 500 events after an abrupt change was 2 to 5 points lower."""


class Guarding(Protocol):
    """What a policy may know of, and do to, the guard that it serves."""

    active: Learner

    @property
    def warned(self) -> int:
        """Over how many events the error has grown, if the last one made that likely, else 0."""
        ...

    def fresh(self) -> Learner:
        """Return a newly built model."""
        ...

    def say_replaced(self, before: Mean, after: Mean) -> None:
        """Tell that another model has taken over."""
        ...


class Policy:
    """Only says so, as the base of the others.

    ``follows``: whether `follow` does anything; ``warns``: whether warnings are of use.
    """

    follows = False
    warns = False

    def __init__(self, declared: Drift) -> None:
        pass

    def changed(self, guard: Guarding, n_new: int) -> str:
        """Act on an error that has grown over the last *n_new* events; return what was done."""
        return "none"

    def follow(self, guard: Guarding, x: Any, y: Any, error: float | None) -> None:
        """Take in an event that the active model has learned, and its *error* before."""


class Reset(Policy):
    """Starts a fresh model."""

    def changed(self, guard: Guarding, n_new: int) -> str:
        """Let a fresh model be the active one."""
        guard.active = guard.fresh()
        return "reset"


class Window(Policy):
    """Builds a fresh model from the last events that the detector counts as new, of those that it keeps."""

    follows = True

    def __init__(self, declared: Drift) -> None:
        self.kept: deque[tuple[Any, Any]] = deque(maxlen=declared.window)

    def changed(self, guard: Guarding, n_new: int) -> str:
        """Let a fresh model that has learned the last *n_new* events be the active one."""
        guard.active = learner = guard.fresh()
        for x, y in [*self.kept][-n_new:]:
            try:
                learner.learn(x, y)
            except Exception:  # noqa: BLE001, S112 - the model that learned it first has reported it
                continue
        return "refolded"

    def follow(self, guard: Guarding, x: Any, y: Any, error: float | None) -> None:
        """Keep the event."""
        self.kept.append((x, y))


class Boost(Policy):
    """Raises the learning rates for a while."""

    follows = True

    def __init__(self, declared: Drift) -> None:
        self.factor = declared.boost
        self.lasts = declared.window
        self.left = 0

    def changed(self, guard: Guarding, n_new: int) -> str:
        """Learn faster from now on."""
        if not self.left:
            rates.raise_all(guard.active.model, self.factor)
        self.left = self.lasts
        return "boosted"

    def follow(self, guard: Guarding, x: Any, y: Any, error: float | None) -> None:
        """Count down."""
        if self.left:
            self.left -= 1
            if not self.left:
                rates.lower_all(guard.active.model)


class Background(Policy):
    """Trains a fresh model beside the active one, which takes over once it is surely better.

    Both are tested on the same events before they learn; the differences of their errors, older ones
    counting less, are compared with their own scatter. For classifiers that is the test of McNemar (1947) of
    those events that one has right and the other wrong. The model that gave way stays in the background for
    as long as a fresh one would, and comes back if it was the better one after all.
    """

    follows = True
    warns = True

    def __init__(self, declared: Drift) -> None:
        self.always = declared.train == "always"
        self.patience = declared.patience
        self.former = False
        self._begin(None)

    def _begin(self, rival: Learner | None, *, former: bool = False) -> None:
        self.rival = rival
        self.former = former
        self.n = 0
        self.lead = self.scatter = 0.0
        self.errors = self.rival_errors = 0.0

    def changed(self, guard: Guarding, n_new: int) -> str:
        """Begin with a fresh model unless the one in the background is as new as the change.

        If that is the one that gave way, another has answered the change already. It stays, for it may have
        learned the new world in the end, where the new one is still young.
        """
        if self.rival is None or self._is_old(n_new):
            self._begin(guard.fresh())
        return "none" if self.former else "training"

    def _is_old(self, n_new: int) -> bool:
        """Return whether the model in the background knows much from before the last *n_new* events."""
        return self.n > 2 * n_new + 2 * BLOCK

    def follow(self, guard: Guarding, x: Any, y: Any, error: float | None) -> None:
        """Compare, and teach the model in the background."""
        rival, warned = self.rival, guard.warned
        if rival is None or (warned and not self.former and self._is_old(warned)):
            if rival is None and not (warned or self.always):
                return
            rival = guard.fresh()
            self._begin(rival)
        other = rival.error(x, y)
        try:
            rival.learn(x, y)
        except Exception:  # noqa: BLE001 - it is not asked for answers yet; the active one reports its own
            self._begin(None)
            return
        if other is not None and error is not None:
            self._compare(guard, error, other)

    def _compare(self, guard: Guarding, error: float, other: float) -> None:
        self.n += 1
        gain = error - other
        self.lead = lead = _KEEP * self.lead + gain
        self.scatter = scatter = _KEEP * _KEEP * self.scatter + gain * gain
        self.errors += error
        self.rival_errors += other
        if lead > 0.0 and lead * lead > _CERTAIN * scatter and self.n >= LEAST_COMPARED:
            self._take_over(guard)
        elif self.n >= self.patience:
            self._begin(None)

    def _take_over(self, guard: Guarding) -> None:
        before, after = Mean(self.n, self.errors / self.n), Mean(self.n, self.rival_errors / self.n)
        rival, former = self.rival, guard.active
        if rival is not None:
            guard.active = rival
            self._begin(former, former=True)
            guard.say_replaced(before, after)


POLICIES: dict[str, type[Policy]] = {
    "alarm": Policy,
    "reset": Reset,
    "background": Background,
    "window": Window,
    "boost": Boost,
}
