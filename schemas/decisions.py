"""Records of ``<pipeline>.decisions``: who owns a partition, and what changed its models from outside."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from schemas.commands import Action

Turn: TypeAlias = Action | Literal["open", "cost"]
"""What can be decided: what is asked for, and what workers decide for themselves."""


class Epoch(msgspec.Struct, frozen=True, tag="epoch", tag_field="kind"):
    """A worker takes the partition over; the offset of this record is the epoch.

    ``frontier`` is the committed offset then: what the owners before did not commit is not theirs any more.
    ``log_start`` is where the log began then; for the first epoch of all it is where the fold began. ``http``
    is where the worker answers questions. ``version`` is that of the pipeline, 0 where it was not written.
    Before offset ``answered`` another version has answered events beyond the frontier.
    """

    pipeline: str
    partition: int
    frontier: int
    worker: str
    log_start: int = 0
    http: str = ""
    version: int = 0
    answered: int = 0


class Decision(msgspec.Struct, frozen=True, tag="decision", tag_field="kind"):
    """Before the record at offset ``at`` is folded, this is done to the models.

    With a ``snapshot`` they become those of that pinned one; ``excluded`` holds the ranges of offsets, first
    and last, that it has not seen. Without one, ``action`` is done to ``model``, with ``value``: an order.
    Two orders are a worker's own, of what only a clock tells: to ``open`` the circuit of a model that is too
    slow, ``value`` says how many answers came late; and what a model ``cost``, microseconds an event.
    ``id`` is that of the command. Void if ``epoch`` is not the newest epoch before this record.
    It is for the ``version`` of the pipeline that made it, 0 for any; what was unlearned is unlearned for all
    versions, and a pause holds for all.
    """

    id: str
    epoch: int
    at: int
    action: Turn
    snapshot: str = ""
    excluded: tuple[tuple[int, int], ...] = ()
    model: str = ""
    value: float | None = None
    version: int = 0


class Refused(msgspec.Struct, frozen=True, tag="refused", tag_field="kind"):
    """A command that was not carried out, and why."""

    id: str
    epoch: int
    reason: str


JournalRecord: TypeAlias = Epoch | Decision | Refused
