"""What `headrace.audit` holds: what became of each command, on each partition."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

Outcome: TypeAlias = Literal["accepted", "refused", "repeated"]


class AuditEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """A command was accepted or refused on one partition, or came again; or it was no command at all.

    ``control_offset`` is its place in ``headrace.control``, ``key_id`` the key it says it was signed with.
    ``reason`` says why it was refused; of one that came again, what was answered the first time. ``version``
    counts the decisions of the partition, this one included; ``decision`` is its offset in
    ``<pipeline>.decisions``, ``acts_at`` the offset of the log at which it acts. Two events with one ``id``
    are the same.
    """

    id: str
    outcome: Outcome
    control_offset: int
    pipeline: str | None = None
    partition: int | None = None
    command: str | None = None
    action: str | None = None
    model: str | None = None
    value: float | None = None
    key_id: str | None = None
    reason: str | None = None
    version: int | None = None
    decision: int | None = None
    acts_at: int | None = None
