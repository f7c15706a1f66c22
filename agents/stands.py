"""How the models of a partition stand: as its owner sees them, or as far as Kafka tells."""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.standing import Standing
from streams.partition import Partition


class Stand(msgspec.Struct, frozen=True):
    """The models of one partition before the record at ``offset``.

    ``version`` counts the decisions of the partition. ``is_live`` says that its owner has said so; else it is
    what the newest snapshot and the decisions since say.
    """

    partition: int
    offset: int
    step: int
    version: int
    is_paused: bool
    is_live: bool
    models: list[Standing]


def live(number: int, owned: Partition) -> Stand:
    """Return how the models of the partition *number* stand now."""
    learner: Any = owned.processor
    return Stand(
        number,
        learner.next_offset,
        learner.fold.step,
        owned.timeline.n_decided,
        owned.is_paused,
        is_live=True,
        models=learner.fold.standings(),
    )
