"""Which events are worth a label."""

from __future__ import annotations

import msgspec

from schemas.results import Label, Source


class Question(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Asks for the label of an event whose answer is uncertain.

    ``id`` is made like that of a result: a duplicate has the same id and the same bytes. ``why`` is a
    sentence for the person asked, ``uncertainty`` the number behind it (0 is certain; null when chance
    chose), ``prediction`` what the models said, null if nothing yet. ``labels`` names the topic that takes
    the label.
    """

    id: str
    event_id: str | int
    pipeline: str
    why: str
    uncertainty: float | None
    prediction: Label | None
    source: Source
    labels: str | None = None
