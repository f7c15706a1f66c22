"""An event that waits for answers from outside, and what becomes of answers and tasks."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import msgspec

from headrace.labels.outcomes import EventId
from schemas.external import TaskStatus
from schemas.results import Answer, Label, Source, result_id

State: TypeAlias = Literal[
    "taken", "duplicate", "late", "unknown", "invalid", "answered", "failed", "expired", "evicted"
]
STATES: tuple[State, ...] = get_args(State)


class Reply(msgspec.Struct, array_like=True, gc=False):
    """What one worker has said; as `schemas.results.Answer`."""

    worker: str
    prediction: Label | None
    probability: dict[str, float] | None
    score: float | None
    error: str | None

    @property
    def answer(self) -> Answer:
        """What is said, without who says it."""
        return Answer(self.prediction, self.probability, self.score, self.error)


class Errand(msgspec.Struct, array_like=True, gc=False):
    """What a step waits for: until when, who has said what, and how it ended."""

    step: str
    due_s: float
    replies: list[Reply] = []
    ended: State | None = None

    def of(self, worker: str) -> Reply | None:
        """Return what *worker* has said, if it has."""
        return next((reply for reply in self.replies if reply.worker == worker), None)


class Parked(msgspec.Struct, gc=False):
    """An event that waits in the middle of its work.

    Parameters
    ----------
    x, y
        Its features, and its label if it came with one.
    offset, timestamp_ms, key, origin
        Of its record in the log, and where it stood in its source.
    event_s
        Its event time.
    answers
        Of the steps that are done.
    errands
        What it waits for, and has waited for.
    """

    event_id: EventId
    x: dict[Any, Any]
    y: Label | None
    offset: int
    timestamp_ms: int
    event_s: float
    answers: dict[str, Answer]
    key: bytes | None
    origin: Source
    errands: list[Errand] = []


class Outcome(msgspec.Struct, gc=False):
    """What became of an answer or of a task.

    Parameters
    ----------
    offset
        Of the answer's record; of the event's where no answer is concerned.
    parked
        The event that can go on now, as all it waited for has come or is over.
    """

    state: State
    step: str
    event_id: EventId | None
    offset: int
    event_offset: int | None = None
    worker: str | None = None
    conflicts: bool = False
    reason: str | None = None
    parked: Parked | None = None


def status_of(outcome: Outcome, place: tuple[str, str, str, int]) -> TaskStatus:
    """Return *outcome* as it is published.

    Parameters
    ----------
    place
        Name of the pipeline, name and version, topic and partition of the log.
    """
    pipeline, label, topic, partition = place
    source = Source(topic, partition, outcome.offset)
    return TaskStatus(
        result_id(pipeline, source, f"{outcome.step}.{outcome.state}"),
        outcome.event_id,
        outcome.step,
        outcome.state,
        label,
        source,
        outcome.event_offset,
        outcome.worker or None,
        outcome.conflicts,
        outcome.reason,
    )
