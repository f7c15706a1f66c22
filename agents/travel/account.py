"""What there is to tell of one event: what it was, what was answered, what was learned of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from agents.travel.inquiry import At, Found, Stored, event_of
from agents.travel.lineage import unseen
from agents.travel.watching import Sight, Taught
from headrace.errors import SnapshotError
from headrace.pipeline import Pipeline
from schemas import DeadLetter, LabelStatus, Prediction, Refusal, Source
from schemas import log as log_records
from schemas.results import Label

State: TypeAlias = (
    Literal["in the event", "not needed"]
    | Literal["joined", "orphan_kept", "orphan_expired", "expired", "duplicate", "corrected", "invalid"]
)
"""Of a label: it came with its event, models learn without any, or as in `schemas.labels.LabelStatus`."""

About: TypeAlias = Literal["label", "feedback"]

_decode_result = msgspec.json.Decoder(Prediction).decode
_decode_letter = msgspec.json.Decoder(DeadLetter).decode


class Learned(msgspec.Struct, frozen=True):
    """What the models learned, with the record at ``offset`` of the log.

    ``step_before`` and ``step_after`` count the events learned on the partition. ``same_features`` says
    whether each model learned the features that it was asked with, ``None`` where those cannot be had any
    more. ``errors`` are of models that failed.
    """

    offset: int
    label: Label | None
    step_before: int
    step_after: int
    same_features: bool | None
    errors: dict[str, str]


class LabelTold(msgspec.Struct, frozen=True):
    """A label or feedback, and what became of it.

    ``source`` is its place in the log, ``origin`` that in its topic. ``about`` says which of both it is.
    """

    state: State
    label: Label | None = None
    source: Source | None = None
    origin: Source | None = None
    delay_s: float | None = None
    conflicts: bool = False
    reason: str | None = None
    learned: Learned | None = None
    about: About = "label"


class Account(msgspec.Struct, frozen=True):
    """One event.

    ``source`` is its place in the log, ``origin`` that in the topic that intake took it from.
    ``features`` are what each model was asked with. ``published`` is its result, ``refolded`` what the
    fold answers now, ``letter`` the dead letter that it gives in place of one; ``identical`` says whether
    all that was published has the bytes of the fold. ``from_snapshot`` is the state that the fold began
    with, "" for the log's beginning, ``None`` if there was no fold, and ``why_not`` says why. ``waits``
    says that the event is to be learned when its label comes, ``waits_for_feedback`` the same of that.
    ``taken_out`` says that a decision took it out of the models since.
    """

    source: Source
    origin: Source | None
    key: str | None
    timestamp_ms: int | None
    event_s: float | None
    event: str | None
    features: dict[str, dict[str, Any]]
    step: int | None
    published: Prediction | None
    refolded: Prediction | None
    letter: DeadLetter | None
    identical: bool | None
    from_snapshot: str | None
    why_not: str | None
    labels: list[LabelTold]
    waits: bool
    taken_out: bool
    waits_for_feedback: bool = False


def accounts(found: Found, sights: Iterable[Sight]) -> list[Account]:
    """Return the accounts of all places at which the event was found."""
    seen = list(sights)
    return [_account(found, at, values, seen) for at, values in found.places.items()]


def strays(found: Found) -> list[LabelStatus]:
    """Return what became of labels of that id that belong to none of the events found."""
    return [status for status in found.traces.statuses if event_of(status) not in found.places]


def _account(found: Found, at: At, values: Sequence[bytes], sights: Sequence[Sight]) -> Account:
    pipeline, stored = found.pipeline, found.records.get(at)
    sight = next((one for one in sights if (one.partition, one.offset) == at), None)
    published = _decode_result(values[-1]) if values else None
    letter = _decode_letter(sight.letter) if sight is not None and sight.letter else None
    refolded = _decode_result(sight.result) if sight is not None and sight.result else None
    event, origin, timestamp_ms = _original(pipeline, stored)
    labels = list(_labels(found, at, sight, sights))
    is_other = published is not None and published.pipeline != pipeline.label
    return Account(
        Source(pipeline.log.name, *at),
        origin or (None if published is None else published.origin),
        None if stored is None or stored.key is None else stored.key.decode(errors="backslashreplace"),
        timestamp_ms,
        None if sight is None else sight.event_s,
        event,
        {} if sight is None else sight.features,
        None if sight is None else sight.step,
        published,
        refolded,
        letter,
        None if is_other else _is_identical(found, values, sight, letter),
        next((v.began for v in found.visits if v.passage.partition == at[0] and at[1] in v.offsets), None),
        f"it was published by {published.pipeline}" if is_other and published else found.lost.get(at),
        labels,
        pipeline.labels is not None and refolded is not None and not _has_ended("label", labels),
        _is_taken_out(found, at),
        pipeline.feedback is not None and refolded is not None and not _has_ended("feedback", labels),
    )


def _is_identical(
    found: Found, values: Sequence[bytes], sight: Sight | None, letter: DeadLetter | None
) -> bool | None:
    if sight is None:
        return None
    if letter is not None:
        return letter in found.traces.letters and not values
    return all(value == sight.result for value in values) if values else None


def _has_ended(about: About, labels: Iterable[LabelTold]) -> bool:
    """Return whether an event waits no more for what it is *about*."""
    ends = ("in the event", "not needed", "joined", "expired", "duplicate", "corrected")
    return any(label.about == about and label.state in ends for label in labels)


def _is_taken_out(found: Found, at: At) -> bool:
    past = found.pasts[at[0]]
    try:
        return any(first <= at[1] <= last for first, last in unseen(past, past.last_decision))
    except SnapshotError:
        return False


def _original(pipeline: Pipeline, stored: Stored | None) -> tuple[str | None, Source | None, int | None]:
    """Return what a record of the log was in its source: its value, its place if it had another, its time."""
    if stored is None or stored.value is None:
        return None, None, None if stored is None else stored.timestamp
    if not pipeline.log_sources:
        return stored.value.decode(errors="backslashreplace"), None, stored.timestamp
    try:
        logged = log_records.decode(stored.value)
    except Refusal:
        return stored.value.decode(errors="backslashreplace"), None, stored.timestamp
    return bytes(logged.data).decode(errors="backslashreplace"), logged.source, logged.timestamp_ms


def _labels(found: Found, at: At, sight: Sight | None, sights: Sequence[Sight]) -> Iterator[LabelTold]:
    place = Source(found.pipeline.log.name, *at)
    if sight is not None and (own := sight.lessons.get("")) is not None:
        state: State = "not needed" if own.label is None else "in the event"
        yield LabelTold(state, own.label, place, learned=_learned(own, sight))
    statuses = {s.id: s for one in sights for s in one.statuses} | {s.id: s for s in found.traces.statuses}
    for status in sorted(statuses.values(), key=lambda status: status.source.offset):
        if event_of(status) == at and str(status.event_id) == found.asked.event_id:
            lesson = next((one.lessons[status.id] for one in sights if status.id in one.lessons), None)
            stored = found.records.get((at[0], status.source.offset))
            yield LabelTold(
                status.state,
                status.label,
                status.source,
                None if status.source == place else _original(found.pipeline, stored)[1],
                status.delay_s,
                status.conflicts,
                status.reason,
                None if lesson is None else _learned(lesson, sight),
                "feedback" if "/feedback." in status.id else "label",
            )


def _learned(lesson: Taught, sight: Sight | None) -> Learned:
    return Learned(
        lesson.offset,
        lesson.label,
        lesson.step,
        lesson.step + 1,
        None if sight is None else lesson.features == sight.features,
        lesson.errors,
    )
