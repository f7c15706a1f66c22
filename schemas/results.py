"""What headrace publishes: predictions and dead letters. Fields are only ever added."""

from __future__ import annotations

import msgspec

Label = bool | int | float | str
"""What a model may answer; one JSON scalar."""


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where the record that caused this event stands in Kafka."""

    topic: str
    partition: int
    offset: int


class Answer(msgspec.Struct, omit_defaults=True, gc=False):
    """What one model said of one event.

    ``prediction`` is a label, a number, a cluster or, for an anomaly detector with a threshold, whether it
    is one; ``probability`` maps each label (as text) to a probability; ``score`` is an anomaly score;
    ``error`` says why there is no answer, or why the model could not learn.

    Of a step in a graph, ``status`` is ``ok``, ``skipped``, ``failed`` or ``stand_in``; ``why`` says why it
    was skipped or stood in for, and ``by`` who gave the answer, where that is another.
    """

    prediction: Label | None = None
    probability: dict[str, float] | None = None
    score: float | None = None
    error: str | None = None
    status: str | None = None
    by: str | None = None
    why: str | None = None


class Prediction(msgspec.Struct, omit_defaults=True, gc=False):
    """One result per event, made before the event was learned.

    ``id`` is made of pipeline, topic, partition, offset and step: a duplicate has the same id and the same
    bytes. ``model_step`` counts the events learned on this partition before the answer. ``models`` holds each
    model's own answer when there are several. ``prediction`` is null while nothing is learned, or when no
    model could answer. ``error`` says what went wrong: with the only model, or in combining several.
    Of a graph, ``steps`` holds in the place of ``models`` what became of each step, in the order in which
    they ran. ``by`` names the one that gave the answer, where it was one alone.
    """

    id: str
    event_id: str | int
    pipeline: str
    model_step: int
    source: Source
    prediction: Label | None
    probability: dict[str, float] | None = None
    score: float | None = None
    models: dict[str, Answer] | None = None
    error: str | None = None
    origin: Source | None = None
    steps: dict[str, Answer] | None = None
    by: str | None = None


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a record could not be processed: a code, the JSON path, a sentence."""

    type: str
    path: str
    message: str


class DeadLetter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record that could not become an event, with its original bytes.

    ``key_b64`` and ``value_b64`` are the original bytes in base64. A value above the size limit is not
    copied: ``value_size_bytes`` and ``value_sha256`` identify it at ``source``. Original headers travel as
    record headers with the prefix ``orig-``.
    """

    id: str
    pipeline: str
    source: Source
    timestamp_ms: int
    error: Fault
    key_b64: str | None = None
    value_b64: str | None = None
    value_size_bytes: int | None = None
    value_sha256: str | None = None


def result_id(pipeline: str, source: Source, step: str) -> str:
    """Return the id of the result that *step* of *pipeline* has for the record at *source*."""
    return f"{pipeline}/{source.topic}/{source.partition}/{source.offset}/{step}"
