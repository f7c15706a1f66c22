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

    @property
    def scores(self) -> bool:
        """Whether the metrics are to score the answer of then: once for each event."""
        return self.waiter is not None and self.state != "corrected"


def status_of(outcome: Outcome, pipeline: str, label: str, topic: str, partition: int) -> LabelStatus:
    """Return *outcome* as it is published; *pipeline* is the name, *label* name and version."""
    source = Source(topic, partition, outcome.offset)
    return LabelStatus(
        result_id(pipeline, source, f"labels.{outcome.state}"),
        outcome.event_id,
        outcome.state,
        label,
        source,
        outcome.label,
        outcome.delay_s,
        outcome.event_offset,
        outcome.conflicts,
        outcome.reason,
    )
