"""What tests break in a fold: `failpoints` in the middle of a step, `mutants` in place of one."""

from __future__ import annotations

import random
import time
from typing import Any

from headrace import failpoints, mutants
from headrace.keyed.entry import Members, Models
from headrace.models.verbs import Verbs


def with_faults(members: Members) -> Members:
    """Return *members* themselves, or such as tests asked for."""
    if mutants.active("learn_before_predict"):
        members = [(name, _hasty(verbs)) for name, verbs in members]
    if failpoints.armed:
        members = [(name, _failing(verbs)) for name, verbs in members]
    return members


def seeded_as_asked(models: Models) -> Models:
    """Return *models* themselves; with a mutant their chance is another one in each process."""
    if mutants.active("unseeded_model"):
        for model in models.values():
            if hasattr(model, "_rng"):
                model._rng = random.Random()  # noqa: S311, SLF001 - a bug on purpose
    return models


def id_prefix(made: str) -> str:
    """Return *made*, what ids of results begin with; with a mutant the time is part of it."""
    return f"{made}{time.time_ns()}/" if mutants.active("timestamp_in_id") else made


def is_dropped(reason: str) -> bool:
    """Whether a record refused for *reason* leaves no dead letter: only with a mutant."""
    return reason == "depth" and mutants.active("drop_deep_record")


def _failing(verbs: Verbs) -> Verbs:
    learn = failpoints.wrapped("before_learn", verbs.learn)
    return verbs._replace(learn=failpoints.wrapped("after_learn", learn, after=True))


def _hasty(verbs: Verbs) -> Verbs:
    def answer(x: dict[Any, Any], y: Any) -> Any:
        if y is not None:
            verbs.learn(x, y)
        return verbs.answer(x, y)

    return verbs._replace(answer=answer, learn=lambda _, __: None)
