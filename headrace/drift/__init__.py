"""Drift: noticing that the world has changed, and what the models do about it. All of it in the fold."""

from __future__ import annotations

from headrace.drift.alarms import Raised, alarm_of
from headrace.drift.declaration import Drift
from headrace.drift.guard import Guard, GuardedClassifier, GuardedRegressor
from headrace.drift.watch import Watch, watch_of
from headrace.drift.wiring import Drifts, attach, guarded_factories, guards_of

__all__ = [
    "Drift",
    "Drifts",
    "Guard",
    "GuardedClassifier",
    "GuardedRegressor",
    "Raised",
    "Watch",
    "alarm_of",
    "attach",
    "guarded_factories",
    "guards_of",
    "watch_of",
]
