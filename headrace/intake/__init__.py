"""Many topics, one log: what intake does to a record, and how the fold takes each exactly once. Pure."""

from __future__ import annotations

from headrace.intake.inlet import Inlet, InletCounts
from headrace.intake.murmur2 import murmur2, partition_of
from headrace.intake.placing import Placer
from headrace.intake.routing import Routed, Router
from headrace.intake.seen import Seen
from headrace.intake.source import LogSource, check_sources

__all__ = [
    "Inlet",
    "InletCounts",
    "LogSource",
    "Placer",
    "Routed",
    "Router",
    "Seen",
    "check_sources",
    "murmur2",
    "partition_of",
]
