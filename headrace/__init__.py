"""headrace: online machine learning on Kafka. Declare a pipeline, run workers, consume predictions."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headrace.errors import DeclarationError, HeadraceError
    from headrace.feedback.asking import AskFor
    from headrace.feedback.bandit import Bandit
    from headrace.feedback.declaration import Feedback
    from headrace.feedback.off_policy import OffPolicy
    from headrace.feedback.policies import EpsilonGreedy, LinUCB, Thompson
    from headrace.models.combine import First, Mean, Vote
    from headrace.pipeline import Pipeline, Topic
    from schemas.events import Event, Limits

__version__ = "0.1.0"

__all__ = [
    "AskFor",
    "Bandit",
    "DeclarationError",
    "EpsilonGreedy",
    "Event",
    "Feedback",
    "First",
    "HeadraceError",
    "Limits",
    "LinUCB",
    "Mean",
    "OffPolicy",
    "Pipeline",
    "Thompson",
    "Topic",
    "Vote",
]

# Looked up at first use: a command that only lists topics must not wait for river to be imported.
_HOME = {
    "DeclarationError": "headrace.errors",
    "HeadraceError": "headrace.errors",
    "Event": "schemas.events",
    "Limits": "schemas.events",
    "AskFor": "headrace.feedback.asking",
    "Bandit": "headrace.feedback.bandit",
    "Feedback": "headrace.feedback.declaration",
    "OffPolicy": "headrace.feedback.off_policy",
    "EpsilonGreedy": "headrace.feedback.policies",
    "LinUCB": "headrace.feedback.policies",
    "Thompson": "headrace.feedback.policies",
    "First": "headrace.models.combine",
    "Mean": "headrace.models.combine",
    "Vote": "headrace.models.combine",
    "Pipeline": "headrace.pipeline",
    "Topic": "headrace.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'headrace' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)
