"""What the answers of several workers come to, and what is said where there are too few."""

from __future__ import annotations

from collections.abc import Mapping

from headrace.external.outcomes import Errand
from headrace.models.combine import Combine, Mean, Vote
from headrace.steps.external import External
from schemas.results import Answer


def answer_of(errand: Errand, step: External) -> Answer:
    """Return the answer of *step* once *errand* has ended; what a user's `combine` raises is not caught."""
    if errand.ended != "answered":
        return Answer(error=_why(errand, step))
    said = {reply.worker: reply.answer for reply in errand.replies if reply.error is None}
    if len(said) == 1:
        return next(iter(said.values()))
    return (step.combine or _usual(said, step))(said)


def _usual(said: Mapping[str, Answer], step: External) -> Combine:
    if step.gives != "classification":
        return Mean()
    return Vote("soft" if all(answer.probability for answer in said.values()) else "hard")


def _why(errand: Errand, step: External) -> str:
    errors = [f"{reply.worker or 'worker'}: {reply.error}" for reply in errand.replies if reply.error]
    said = len(errand.replies) - len(errors)
    what = {
        "expired": f"no answer within {step.wait_s:g} s",
        "evicted": "too many events wait: the oldest gives way",
        "failed": "the workers could not answer",
    }[errand.ended or "failed"]
    if step.quorum > 1:
        what += f", {said} of {step.quorum} answers"
    return "; ".join([what, *errors])[:500]
