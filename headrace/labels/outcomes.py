"""What waits, and what becomes of it and of the labels."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import msgspec

from schemas.labels import LabelStatus
from schemas.results import Answer, Label, Source, result_id

EventId: TypeAlias = str | int
State: TypeAlias = Literal[
    "joined", "orphan_kept", "orphan_expired", "expired", "duplicate", "corrected", "invalid"
]
STATES: tuple[State, ...] = get_args(State)


class Waiter(msgspec.Struct, gc=False):
    """An event that was answered, and waits for its label.

    ``answer`` is the final one and ``answers`` those of several models, as given then; ``step`` the number of
    events learned before, ``offset`` the event's, ``key`` that of its record.
    """

    x: dict[str, Any]
    answer: Answer
    step: int
    offset: int
    key: bytes | None = None
    answers: dict[str, Answer] | None = None


class At(msgspec.Struct, gc=False):
    """Where an event stands, or a label of it, and how much that counts."""

    group: int
    event_id: EventId
    event_s: float
    offset: int
    weight: float = 1.0


class Outcome(msgspec.Struct, gc=False, omit_defaults=True):
    """What became of a label, or of an event that got none.

    Parameters
    ----------
    label
        What the models are to learn, or the label that is reported; ``None`` if there is none.
    offset
        Of the label's record; of the event's where no label is concerned.
    waiter
        The event that the models are to learn now with ``label``; ``None`` if they learn nothing.
    delay_s
        Event time of the label less that of the event.
    conflicts
        Whether the label is unlike the one that came before.
    reason
        A code that says more than the state: see `docs/howto/delayed-labels.md`.
    weight
        How much the label counts when it is learned.
    """

    state: State
    event_id: EventId | None
    label: Label | None
    offset: int
    event_offset: int | None = None
    delay_s: float | None = None
    waiter: Waiter | None = None
    conflicts: bool = False
    reason: str | None = None
    weight: float = 1.0

    @property
    def scores(self) -> bool:
        """Whether the metrics are to score the answer of then: once for each event."""
        return self.waiter is not None and self.state != "corrected"


def status_of(outcome: Outcome, place: tuple[str, str, str, int], kind: str = "labels") -> LabelStatus:
    """Return *outcome* as it is published.

    Parameters
    ----------
    place
        Name of the pipeline, name and version, topic and partition of the log.
    kind
        What it is about: ``"labels"`` or ``"feedback"``.
    """
    pipeline, label, topic, partition = place
    source = Source(topic, partition, outcome.offset)
    return LabelStatus(
        result_id(pipeline, source, f"{kind}.{outcome.state}"),
        outcome.event_id,
        outcome.state,
        label,
        source,
        outcome.label,
        outcome.delay_s,
        outcome.event_offset,
        outcome.conflicts,
        outcome.reason,
        None if outcome.weight == 1.0 else outcome.weight,
    )


def duplicate_event(at: At, reason: str) -> Outcome:
    """Return that an event came whose id is known."""
    return Outcome("duplicate", at.event_id, None, at.offset, at.offset, reason=reason)


def is_same(one: Label | None, other: Label | None) -> bool:
    """Return whether two labels are the same: 1 is not True."""
    return type(one) is type(other) and one == other
