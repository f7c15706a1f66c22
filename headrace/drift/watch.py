"""The distribution of features, answers and labels: when it has changed, from what to what."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from math import inf, sqrt
from typing import Any

from headrace.drift.alarms import Raised, shown
from headrace.drift.blocks import Blocks
from headrace.drift.declaration import Drift
from headrace.drift.distances import differ
from headrace.drift.errors import adwin
from headrace.drift.wiring import Drifts, declared_by_model
from headrace.errors import SnapshotError
from schemas.drift import Sample
from schemas.results import Answer

MOST_CATEGORIES = 64
OTHER = "(other)"
"""Stands for all categories after the first `MOST_CATEGORIES`."""

_REFERENCE = 200
"""Numbers from which the scale is learned, before changes are looked for."""

_LONGEST = 64
"""Characters of a category."""

Shift = tuple[Sample, Sample]


class Numbers:
    """A signal of numbers: river's ADWIN over their places in the distribution of the first ones.

    A number counts as its distance from the mean of the reference in standard deviations, squeezed into 0 to
    1: so its size does not matter, and no single one can raise an alarm.
    """

    kind = "adwin"

    def __init__(self, declared: Drift) -> None:
        self.detector = adwin(declared.delta)
        self.n = 0
        self.mean = 0.0
        self.squares = 0.0
        self.blocks = Blocks()

    def update(self, value: Any) -> Shift | None:
        """Take in a *value*; return what was and what is if that has changed."""
        if not -inf < value < inf:
            return None
        self.blocks.add(value)
        if self.n < _REFERENCE:
            self.n += 1
            step = value - self.mean
            self.mean += step / self.n
            self.squares += step * (value - self.mean)
            return None
        spread = sqrt(self.squares / self.n)
        z = (value - self.mean) / (spread or abs(self.mean) or 1.0)
        self.detector.update(0.5 + 0.5 * z / (1.0 + abs(z)))
        return self._changed() if self.detector.drift_detected else None

    def _changed(self) -> Shift:
        """Begin a new reference; return the means on both sides of the largest change."""
        _, before, after = self.blocks.change(falls=True)
        self.blocks = Blocks()
        self.n = 0
        self.mean = self.squares = 0.0
        return Sample(*before), Sample(*after)


class Categories:
    """A signal of categories, counted over windows: each is compared with the first, the reference."""

    def __init__(self, declared: Drift) -> None:
        self.kind = declared.detectors["categories"]
        self.window = declared.window
        self.reference: dict[str, int] = {}
        self.current: dict[str, int] = {}
        self.n = 0

    def update(self, value: Any) -> Shift | None:
        """Take in a *value*; return the shares that were and are if those have changed."""
        name = value if value.__class__ is str and len(value) <= _LONGEST else str(value)[:_LONGEST]
        current = self.current
        if name not in current and len(current) >= MOST_CATEGORIES:
            name = OTHER
        current[name] = current.get(name, 0) + 1
        self.n += 1
        return self._compare() if self.n >= self.window else None

    def _compare(self) -> Shift | None:
        before, after, n = self.reference, self.current, self.n
        self.current, self.n = {}, 0
        if not before:
            self.reference = after
            return None
        n_before = sum(before.values())
        if not differ(self.kind, before, _named_as(before, after)):
            return None
        self.reference = after
        return Sample(n_before, shares=_shares(before, n_before)), Sample(n, shares=_shares(after, n))


class Watch:
    """The signals that a pipeline's declarations ask for.

    `see` at the arrival of an event, `see_label` when its label is there. It can be pickled, and goes on bit
    for bit.

    Attributes
    ----------
    alarms
        What was raised since somebody took it; `take_alarms` does. No part of the state.
    """

    def __init__(self, declared: Mapping[str, Drift]) -> None:
        every = list(declared.values())
        self.spec = zlib.crc32(repr(declared).encode())
        self.features = {name: one for one in reversed(every) for name in one.features}
        self.answers = {name: one for name, one in declared.items() if one.predictions}
        self.label = next((one for one in every if one.labels), None)
        self.signals: dict[str, Numbers | Categories] = {}
        self.quiet_until: dict[str, int] = {}
        self.n_seen = 0
        self.alarms: list[Raised] = []

    def __getstate__(self) -> dict[str, Any]:
        return {name: vars(self)[name] for name in ("spec", "signals", "quiet_until", "n_seen")}

    def see(self, x: Mapping[Any, Any], answers: Mapping[str, Answer]) -> None:
        """Take in an event that has arrived, and what each model answered."""
        self.n_seen += 1
        for name, declared in self.features.items():
            value = x.get(name)
            if value is not None:
                self._update(f"feature:{name}", "", value, declared)
        for model, declared in self.answers.items():
            answer = answers.get(model)
            if answer is not None:
                value = answer.prediction if answer.score is None else answer.score
                if value is not None:
                    self._update("prediction", model, value, declared)

    def see_label(self, y: Any) -> None:
        """Take in the label of an event."""
        if self.label is not None and y is not None:
            self._update("label", "", y, self.label)

    def take_alarms(self) -> list[Raised]:
        """Return what was raised since the last call."""
        raised, self.alarms = self.alarms, []
        return raised

    def attach(self, like: Watch) -> None:
        """Take the declaration from *like*, after a restore.

        Raises
        ------
        SnapshotError
            If it is another one.
        """
        if self.spec != like.spec:
            raise SnapshotError(
                "models",
                "the snapshot was made with another drift declaration",
                fix="raise the pipeline's version when its drift declaration changes",
            )
        self.features, self.answers, self.label, self.alarms = like.features, like.answers, like.label, []

    def _update(self, signal: str, model: str, value: Any, declared: Drift) -> None:
        key = f"{signal}/{model}" if model else signal
        watched = self.signals.get(key)
        is_number = value.__class__ is float or value.__class__ is int
        if watched is None:
            watched = self.signals[key] = (Numbers if is_number else Categories)(declared)
        elif watched.__class__ is Numbers and not is_number:
            return  # a mean of other things does not exist
        change = watched.update(value)
        if change is not None and self.n_seen >= self.quiet_until.get(key, 0):
            self.quiet_until[key] = self.n_seen + declared.cooldown
            text = f"{model or 'the stream'}: {signal} {_told(*change)}; models were left as they are"
            self.alarms.append(Raised(model, signal, watched.kind, declared.policy, "none", *change, text))


def watch_of(drift: Drifts | None, names: Mapping[str, Any]) -> Watch | None:
    """Return what watches the distributions that *drift* names, ``None`` if it names none.

    Parameters
    ----------
    drift
        The declaration, or several by name of the model. Of several that name the same feature, the first
        says how it is watched.
    names
        The models by name.
    """
    watch = Watch(declared_by_model(drift, names))
    return watch if watch.features or watch.answers or watch.label is not None else None


def _named_as(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return *after* with what *before*, which is full, does not name as `OTHER`."""
    if len(before) < MOST_CATEGORIES:
        return dict(after)
    named: dict[str, int] = {}
    for name, count in after.items():
        known = name if name in before else OTHER
        named[known] = named.get(known, 0) + count
    return named


def _shares(counts: Mapping[str, int], n: int) -> dict[str, float]:
    return {name: count / n for name, count in counts.items()}


def _told(before: Sample, after: Sample) -> str:
    if before.mean is not None and after.mean is not None:
        return (
            f"went from a mean of {shown(before.mean)} over {before.n:,} events"
            f" to {shown(after.mean)} over {after.n:,}"
        )
    old, new = before.shares or {}, after.shares or {}
    most = max((*old, *new), key=lambda name: abs(new.get(name, 0.0) - old.get(name, 0.0)))
    return (
        f"has other shares: {most!r} went from {old.get(most, 0.0):.1%} of {before.n:,} events"
        f" to {new.get(most, 0.0):.1%} of {after.n:,}"
    )
