"""Guards: models that notice when their error grows, and do what their declaration says."""

from __future__ import annotations

import zlib
from collections import deque
from typing import Any

from river import base

from headrace.drift.alarms import Raised, shown
from headrace.drift.blocks import Change, Mean
from headrace.drift.declaration import Drift
from headrace.drift.errors import ErrorWatch, ScaledErrorWatch
from headrace.drift.learner import Kind, Learner
from headrace.drift.policies import POLICIES
from headrace.models.checks import ModelFactory
from schemas.drift import Sample

_MOST_ALARMS = 16
"""Alarms that nobody takes are forgotten, the oldest first."""

_TRANSIENT = ("_factory", "_declared", "_name", "alarms")

_DONE = {
    "none": "nothing else was done",
    "reset": "a fresh model took its place",
    "training": "a fresh model trains in the background",
    "refolded": "a fresh model that learned the new events again took its place",
    "boosted": "it learns faster for a while",
}


class Guard(base.Wrapper[Any], base.Estimator):
    """What the guards of classifiers and of regressors share.

    A pickle holds neither the factory nor the declaration: after a restore, `headrace.drift.attach` takes
    both from a fresh guard.

    Parameters
    ----------
    name
        Of the model, as alarms say it.
    factory
        Builds it.
    declared
        What is watched, and what is done.
    kind
        What tells whether an answer is right.

    Attributes
    ----------
    active
        The learner that answers.
    alarms
        What was raised since somebody took it; `take_alarms` does. No part of the state.
    """

    def __init__(self, name: str, factory: ModelFactory, declared: Drift, kind: Kind) -> None:
        self._name = name
        self._factory = factory
        self._declared = declared
        self.alarms: deque[Raised] = deque(maxlen=_MOST_ALARMS)
        self.kind: Kind = kind
        self.spec = zlib.crc32(repr(declared).encode())
        self.active = self.fresh()
        self.policy = POLICIES[declared.policy](declared)
        watch = ScaledErrorWatch if kind == "number" else ErrorWatch
        self.watch = watch(declared, warns=self.policy.warns)
        self.n_learned = 0
        self.quiet_until = 0
        self.asked: Any = None
        self.said: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in _TRANSIENT}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.alarms = deque(maxlen=_MOST_ALARMS)

    def __repr__(self) -> str:
        return f"guarded ({self._declared.policy}): {self.active.model!r}"

    __str__ = __repr__

    @property
    def guarded_model(self) -> Any:
        """The model that answers now."""
        return self.active.model

    @property
    def _wrapped_model(self) -> Any:
        return self.active.model

    @property
    def warned(self) -> int:
        """Over how many events the error has grown, if the last one made that likely, else 0."""
        return self.watch.warned

    def fresh(self) -> Learner:
        """Return a newly built model."""
        return Learner(self._factory(), self.kind)

    def clone(self, new_params: dict[str, Any] | None = None, include_attributes: bool = False) -> Any:
        """Return a fresh guard of the same model; neither argument has a meaning here."""
        return type(self)(self._name, self._factory, self._declared, self.kind)

    def attach(self, like: Guard) -> None:
        """Take factory and declaration from *like*."""
        self._name, self._factory, self._declared = like._name, like._factory, like._declared

    def take_alarms(self) -> list[Raised]:
        """Return what was raised since the last call."""
        raised = list(self.alarms)
        self.alarms.clear()
        return raised

    def predict_one(self, x: Any) -> Any:
        """Return the label or the number that the active model says."""
        said = self.active.label(x)
        if self.kind != "probabilities":
            self.asked, self.said = x, said
        return said

    def learn_one(self, x: Any, y: Any) -> None:
        """Test the active model, see whether it has become worse and act, then learn."""
        asked, active, policy = self.asked, self.active, self.policy
        if asked is not None and (asked is x or asked == x):  # asked just now: it would say the same
            error = active.wrong(self.said, y)
        else:
            error = active.error(x, y)
        self.asked = self.said = None
        self.n_learned += 1
        if error is not None and (grown := self.watch.update(error)) is not None:
            self._changed(grown)
        self.active.learn(x, y)
        if policy.follows:
            policy.follow(self, x, y, error)

    def _changed(self, grown: Change) -> None:
        if self.n_learned < self.quiet_until:
            return
        self.quiet_until = self.n_learned + self._declared.cooldown
        action = self.policy.changed(self, grown.after.n)
        said = (
            f"{self._name}: the mean error grew from {shown(grown.before.mean)} over {grown.before.n:,}"
            f" events to {shown(grown.after.mean)} over the last {grown.after.n:,}; {_DONE[action]}"
        )
        self._raise(action, grown.before, grown.after, said)

    def say_replaced(self, before: Mean, after: Mean) -> None:
        """Tell that a model from the background has taken over."""
        said = (
            f"{self._name}: a model from the background took over: over the same {before.n:,} events its mean"
            f" error was {shown(after.mean)}, that of the active one {shown(before.mean)}"
        )
        self._raise("replaced", before, after, said)

    def _raise(self, action: str, before: Mean, after: Mean, text: str) -> None:
        declared = self._declared
        detector = "paired" if action == "replaced" else declared.detectors["error"]
        samples = Sample(before.n, before.mean), Sample(after.n, after.mean)
        self.alarms.append(Raised(self._name, "error", detector, declared.policy, action, *samples, text))


class GuardedClassifier(Guard, base.Classifier):  # type: ignore[misc] # it takes no options
    """A classifier with a guard."""

    def predict_proba_one(self, x: Any) -> Any:  # type: ignore[override] # as above
        """Return the probabilities that the active model says."""
        said = self.active.probabilities(x)
        if self.kind == "probabilities":
            self.asked, self.said = x, said
        return said


class GuardedRegressor(Guard, base.Regressor):
    """A regressor with a guard."""
