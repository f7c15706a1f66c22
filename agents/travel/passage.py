"""What a process is to do when a log is folded again, and what came of it: these travel between processes."""

from __future__ import annotations

import msgspec

from headrace.settings import Settings
from schemas.decisions import Decision


class Orders(msgspec.Struct, frozen=True):
    """What all partitions share.

    ``target`` leads to the pipeline whose models fold ``topic``; results go to the topics of the run
    ``into``, or nowhere.
    """

    target: str
    topic: str
    settings: Settings
    into: str | None = None


class Turn(msgspec.Struct, frozen=True):
    """A decision: before the record with offset ``at`` is folded, the models become those of a snapshot.

    Or, without a ``blob``, an ``order`` is carried out. ``decision`` is its offset in the decisions topic.
    """

    at: int
    decision: int
    blob: bytes = b""
    order: Decision | None = None


class Place(msgspec.Struct, frozen=True):
    """Where the state is fingerprinted: before the record ``at``, after the decisions up to ``decision``."""

    at: int
    decision: int = -1


class Passage(msgspec.Struct, frozen=True):
    """What to do with one partition.

    Records from ``start`` to before ``stop`` are folded; those from ``publish_from`` on give results.
    ``blobs`` is the snapshot to begin with, after what it adds to. At ``places`` the state is fingerprinted,
    as it is at the end, where every decision up to ``stop`` has been taken. ``excluded`` are ranges of
    offsets, first and last, that are passed over. ``expected`` are snapshots, each after what it adds to,
    that are fingerprinted as they are. With ``facts``, of the header, the state at the end is sealed.
    """

    partition: int
    start: int
    stop: int
    publish_from: int | None = None
    blobs: tuple[bytes, ...] = ()
    turns: tuple[Turn, ...] = ()
    places: tuple[Place, ...] = ()
    excluded: tuple[tuple[int, int], ...] = ()
    expected: tuple[tuple[bytes, ...], ...] = ()
    facts: dict[str, int] | None = None


class Passed(msgspec.Struct):
    """What came of it: the state at the end, and what was done on the way.

    ``digests`` are the fingerprints of the passage's places, ``expected`` those of its snapshots, or why one
    cannot be opened, in brackets. ``models_digest`` leaves out how many events were learned. ``snapshot`` is
    the sealed state, if asked for.
    """

    partition: int
    next_offset: int
    step: int = 0
    digest: str = ""
    models_digest: str = ""
    digests: dict[Place, str] = {}
    expected: list[str] = []
    silent: int = 0
    predicted: int = 0
    dead: int = 0
    tombstones: int = 0
    snapshot: bytes = b""
