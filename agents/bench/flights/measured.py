"""What the benchmark of the flights measures, as plain values."""

from __future__ import annotations

import msgspec

from agents.bench.measured import Run

BARE, OURS = "bare", "headrace"
MODEL = "flights"


class Quality(msgspec.Struct, frozen=True):
    """How good the combined answers were, each given before its label was learned."""

    joins: bool
    labels: int
    expired: int
    accuracy: float
    roc_auc: float


class Disturbed(msgspec.Struct, frozen=True):
    """A run with kills: how many *partitions* have a final state *identical* to that of a fold of their log.

    ``states`` are all that were compared, snapshots on the way too; ``labels`` how many were learned;
    ``again`` the records of the log that intake wrote more than once.
    """

    kills: int
    seed: int
    seconds: float
    partitions: int
    identical: int
    states: int
    labels: int
    again: int


class Findings(msgspec.Struct):
    """All that one call measured.

    Of each round *labels* is how many the worker learned, *rss_mb* its memory, evenly over the records.
    """

    runs: list[Run] = []
    labels: list[int] = []
    rss_mb: list[list[float]] = []
    qualities: list[Quality] = []
    disturbed: Disturbed | None = None
    failures: dict[str, str] = {}
