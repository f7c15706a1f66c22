"""headrace: online machine learning on Kafka. Declare a pipeline, run workers, consume predictions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.alerts.rules import Alert
    from headrace.chaining import predictions_of
    from headrace.drift.declaration import Drift
    from headrace.errors import DeclarationError, HeadraceError
    from headrace.event_time import EventTime
    from headrace.features.lookup import Lookup
    from headrace.features.total import Total
    from headrace.features.window import Window
    from headrace.feedback.asking import AskFor
    from headrace.feedback.bandit import Bandit
    from headrace.feedback.declaration import Feedback
    from headrace.feedback.policies import EpsilonGreedy, LinUCB, Thompson
    from headrace.labels.declaration import Labels
    from headrace.models.combine import First, Last, Mean, Median, TrimmedMean, Vote
    from headrace.models.combining.best import Best
    from headrace.models.combining.ranks import Ranks
    from headrace.models.combining.stack import Stack
    from headrace.models.combining.weighted import Weighted
    from headrace.pipeline import Pipeline, Topic
    from headrace.scores.declaration import Metrics
    from headrace.steps.backup import Constant, LastGood
    from headrace.steps.declaration import Step
    from headrace.steps.external import External
    from headrace.tasks.breaker import Breaker
    from headrace.tasks.promotion import Canary, Promotion
    from headrace.tasks.routing import Route
    from schemas.events import Event, Limits

__version__ = "0.1.0"

__all__ = [
    "Alert",
    "AskFor",
    "Bandit",
    "Best",
    "Breaker",
    "Canary",
    "Constant",
    "DeclarationError",
    "Drift",
    "EpsilonGreedy",
    "Event",
    "EventTime",
    "External",
    "Feedback",
    "First",
    "HeadraceError",
    "Labels",
    "Last",
    "LastGood",
    "Limits",
    "LinUCB",
    "Lookup",
    "Mean",
    "Median",
    "Metrics",
    "Pipeline",
    "Promotion",
    "Ranks",
    "Route",
    "Stack",
    "Step",
    "Thompson",
    "Topic",
    "Total",
    "TrimmedMean",
    "Vote",
    "Weighted",
    "Window",
    "predictions_of",
]

# Looked up at first use: a command that only lists topics must not wait for river to be imported.
_HOME = {
    "Alert": "headrace.alerts.rules",
    "AskFor": "headrace.feedback.asking",
    "Bandit": "headrace.feedback.bandit",
    "EpsilonGreedy": "headrace.feedback.policies",
    "Feedback": "headrace.feedback.declaration",
    "LinUCB": "headrace.feedback.policies",
    "Thompson": "headrace.feedback.policies",
    "DeclarationError": "headrace.errors",
    "Drift": "headrace.drift.declaration",
    "HeadraceError": "headrace.errors",
    "Event": "schemas.events",
    "External": "headrace.steps.external",
    "EventTime": "headrace.event_time",
    "Lookup": "headrace.features.lookup",
    "Total": "headrace.features.total",
    "Window": "headrace.features.window",
    "Limits": "schemas.events",
    "Labels": "headrace.labels.declaration",
    "First": "headrace.models.combine",
    "Last": "headrace.models.combine",
    "Mean": "headrace.models.combine",
    "Best": "headrace.models.combining.best",
    "Ranks": "headrace.models.combining.ranks",
    "Stack": "headrace.models.combining.stack",
    "Weighted": "headrace.models.combining.weighted",
    "Median": "headrace.models.combine",
    "TrimmedMean": "headrace.models.combine",
    "Vote": "headrace.models.combine",
    "Metrics": "headrace.scores.declaration",
    "Pipeline": "headrace.pipeline",
    "Route": "headrace.tasks.routing",
    "Promotion": "headrace.tasks.promotion",
    "Canary": "headrace.tasks.promotion",
    "Breaker": "headrace.tasks.breaker",
    "Constant": "headrace.steps.backup",
    "LastGood": "headrace.steps.backup",
    "Step": "headrace.steps.declaration",
    "Topic": "headrace.pipeline",
    "predictions_of": "headrace.chaining",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
