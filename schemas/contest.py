"""What `<pipeline>.contest` holds: that another model answers from now on, and what speaks for it."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.results import Source


class ContestEvent(msgspec.Struct, frozen=True, gc=False):
    """A change in who answers.

    ``id`` is made of pipeline, topic, partition, offset and the change's number: a duplicate has the same id
    and the same bytes. ``challenger`` is the one concerned, and ``share`` the share of the keys it answers
    for now; ``champion`` answers for the others, where "combined" stands for the declared models. ``by`` says
    whether a rule or a person's command did it.

    ``n`` events with a label were compared before. ``losses`` has the mean loss of late of each of the two
    that were compared, by name, from 0 to 1 as ``loss`` says. ``e_value`` is how strongly that speaks for the
    change: by chance it ever reaches ``limit`` no more often than the pipeline's alpha allows. ``text`` says
    all of it in a sentence.
    """

    id: str
    pipeline: str
    source: Source
    action: Literal["promoted", "demoted", "canary_started", "canary_grown", "canary_stopped"]
    by: Literal["rule", "hand"]
    challenger: str
    champion: str
    share: float
    n: int
    loss: str
    losses: dict[str, float]
    e_value: float
    limit: float
    text: str
