"""Records of ``<pipeline>.labels.status`` and ``.feedback.status``: what became of each label or remark."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.results import Label, Source


class LabelStatus(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What became of a label that came after its event, or of an event that got none.

    ``id`` is made of pipeline, topic, partition, offset and state: a duplicate has the same id and the same
    bytes. Each label ends in exactly one state: ``joined``, ``orphan_expired`` (no event came, or it was
    over), ``duplicate``, ``corrected`` (unlike the one before, and learned; or replaced before it was) or
    ``invalid``; before that it may be ``orphan_kept``, once. ``expired`` is an event that got no label.

    ``source`` is where the label stands in the log, or the event where no label is concerned.
    ``event_offset`` is where the event stands in that log. ``label`` is the label; of an expired event the
    one that was learned in its place, if any. ``delay_s`` is the event time of the label less that of the
    event. ``conflicts`` says that the label is unlike the one before. ``reason`` says more than the state.
    ``weight`` is how much the label counted when it was learned, if not 1.

    Of feedback the same is said, with the reward, rating or correction as ``label``.
    """

    id: str
    event_id: str | int | None
    state: Literal["joined", "orphan_kept", "orphan_expired", "expired", "duplicate", "corrected", "invalid"]
    pipeline: str
    source: Source
    label: Label | None = None
    delay_s: float | None = None
    event_offset: int | None = None
    conflicts: bool = False
    reason: str | None = None
    weight: float | None = None
