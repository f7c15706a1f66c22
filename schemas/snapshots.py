"""What is known of a snapshot without opening it: whose it is, at which offset, made by what."""

from __future__ import annotations

from typing import Literal

import msgspec

FORMAT = 1


class SnapshotHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Head of a snapshot: the state of a partition's models before the record at ``next_offset``.

    ``models`` maps the name of each model to the hash of its declaration. ``epoch`` is the offset, in
    the decisions topic, of the record with which the writer took the partition over; ``decision`` that of
    the last decision the state has taken in, -1 if none. ``previous`` names the snapshot this one adds to,
    "" if it is whole, and ``reaches_back`` says how many such snapshots before it make it whole. ``dump_s``
    is what it cost.
    """

    pipeline: str
    version: int
    models: dict[str, str]
    topic: str
    partition: int
    next_offset: int
    step: int
    river: str
    python: str
    headrace: str
    format: int = FORMAT
    lane: str = "main"
    scope: Literal["partition", "key"] = "partition"
    epoch: int = -1
    decision: int = -1
    sequence: int = 0
    previous: str = ""
    reaches_back: int = 0
    created_ms: int = 0
    dump_s: float = 0.0

    @property
    def id(self) -> str:
        """Name of this snapshot among those of its partition."""
        return f"{self.epoch}.{self.sequence}.{self.next_offset}"
