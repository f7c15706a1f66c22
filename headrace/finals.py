"""The final answer to an event: in types that results can carry, and a fallback where there is none."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, TypeAlias

from headrace.labels.outcomes import EventId
from headrace.models import labels
from headrace.record import Counts
from headrace.steps.backup import FALLBACK
from schemas import Answer

Work: TypeAlias = Callable[
    [dict[Any, Any], Any, Counts, EventId | bytes], tuple[Answer | None, dict[str, Answer] | None]
]
"""Takes features, label or ``None``, counts and the record's key or, if it has none, the event's id.

Gives the final answer and those of all. The final answer is ``None`` where the event waits for steps outside
the process.
"""


def never_silent(work: Work, fallback: Answer) -> Work:
    """Return *work*, with *fallback* as the answer where there is none."""

    def worked(
        x: dict[Any, Any], y: Any, counts: Counts, who: EventId | bytes
    ) -> tuple[Answer | None, dict[str, Answer] | None]:
        final, answers = work(x, y, counts, who)
        return or_fallback(final, fallback), answers

    return worked


def or_fallback(final: Answer | None, fallback: Answer) -> Answer | None:
    """Return *final*, or *fallback* if it says nothing; an event that waits says nothing yet."""
    if final is None or final.prediction is not None or final.score is not None:
        return final
    return Answer(fallback.prediction, score=fallback.score, error=final.error, by=FALLBACK)


def publishable(answer: Answer) -> Answer:
    """Return *answer* in Python's own types, which results can carry."""
    prediction, probability, score = answer.prediction, answer.probability, answer.score
    if not (prediction is True or prediction is False):
        answer.prediction = labels.plain(prediction)
    if score is not None:
        answer.score = _finite(score)
    if probability is not None:
        for p in probability.values():
            if p.__class__ is not float or not isfinite(p):
                answer.probability = {label: _finite(p) for label, p in probability.items()}
                break
    return answer


def _finite(number: float) -> float:
    """Return *number* as Python's own float; it has to be finite."""
    if not isfinite(number):
        raise ValueError(f"not a finite number: {number}")
    return float(number)
