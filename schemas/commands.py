"""What an operator asks of the owner of a partition; travels in ``headrace.control``, signed."""

from __future__ import annotations

from typing import Literal

import msgspec

KEY_HEADER = "headrace-key"
MAC_HEADER = "headrace-mac"


class Command(msgspec.Struct, frozen=True):
    """Let the models of a partition become those of a snapshot.

    ``snapshot`` names the slot and ``snapshot_id`` what has to be in it. ``excluded`` holds ranges of
    offsets, first and last, that the snapshot has not seen and that are to stay unseen. After
    ``expires_ms``, milliseconds since 1970, it is refused.
    """

    id: str
    pipeline: str
    partition: int
    action: Literal["rollback", "unlearn"]
    snapshot: str
    snapshot_id: str
    expires_ms: int
    excluded: tuple[tuple[int, int], ...] = ()
