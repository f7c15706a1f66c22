"""What travels between a pipeline and those who work for it outside: tasks, answers, what became of both."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from schemas.results import Label, Source

MOST_LABELS = 1_000
MOST_NAME = 200
"""Labels of a probability, characters of such a label or of a worker's name: at most."""

MOST_BYTES = 65_536
"""Of an answer in canonical form."""

_Name = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]
_Share = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


class ExternalTask(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Work for somebody outside: what does *step* say of *features*?

    The record has the key of the event; the answer must have the same. ``id`` is made like that of a result:
    a duplicate has the same id and the same bytes. ``features`` is what reaches the step, answers of other
    steps among it. ``deadline_s`` is a time of the events, in seconds since 1970: once the events of the log
    are past it, an answer is late. ``answers`` names the topic that takes the answer.
    """

    id: str
    event_id: str | int
    pipeline: str
    step: str
    features: dict[str, Any]
    deadline_s: float
    answers: str
    source: Source


class ExternalAnswer(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What somebody outside says of an event, on the topic of answers, with the key of the task.

    ``prediction`` is a label or a number, ``probability`` maps each label (as text) to a probability,
    ``score`` is an anomaly score; ``error`` says why there is none of them. ``worker`` names who says it,
    where several are asked. ``task`` is the ``id`` of the task: with it, an answer cannot be taken for that
    to another event of the same id. It takes 64 KiB at most.
    """

    event_id: Annotated[str, msgspec.Meta(min_length=1)] | int
    prediction: Label | None = None
    probability: Annotated[dict[_Name, _Share], msgspec.Meta(max_length=MOST_LABELS)] | None = None
    score: float | None = None
    error: str | None = None
    worker: _Name = ""
    task: str | None = None


class TaskStatus(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What became of an answer from outside, or of a task.

    ``id`` is made of pipeline, topic, partition, offset, step and state: a duplicate has the same id and the
    same bytes. Each answer ends in exactly one state: ``taken``, ``duplicate`` (of the same worker;
    ``conflicts`` says that it is unlike the first), ``late`` (``reason``: how the task had ended, or
    ``other_task``), ``unknown`` (no such task, or it is forgotten) or ``invalid``. Each task ends in exactly
    one: ``answered``, ``failed`` (too many workers could not answer, or another event of the same id waits),
    ``expired`` (the deadline passed) or ``evicted`` (it gave way to a bound).

    ``source`` is where the answer stands in the log, or the event where no answer is concerned.
    ``event_offset`` is where the event stands in that log.
    """

    id: str
    event_id: str | int | None
    step: str
    state: Literal[
        "taken", "duplicate", "late", "unknown", "invalid", "answered", "failed", "expired", "evicted"
    ]
    pipeline: str
    source: Source
    event_offset: int | None = None
    worker: str | None = None
    conflicts: bool = False
    reason: str | None = None
