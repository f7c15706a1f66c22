"""The models of one key, awake or at rest."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from river import base

from headrace.models.verbs import Verbs

Models: TypeAlias = dict[str, base.Estimator]
Members: TypeAlias = list[tuple[str, Verbs]]

GROUPS = 32
"""Each snapshot refreshes the keys of one of so many groups, so a restore needs about as many snapshots."""


class Making(NamedTuple):
    """How the models of a key come to be: built, bound to their verbs, read from their bytes."""

    build: Callable[[], Models]
    bind: Callable[[Models], Members]
    read: Callable[[bytes], Models]


class Entry:
    """The models of one key, and the offset of its last event.

    Restored ones rest as bytes until the next event: ``resting`` in place of ``models`` and of ``members``,
    which are their verbs. ``seen`` is the number of the newest capture that has dealt with the entry.
    """

    __slots__ = ("group", "key", "last_use", "members", "models", "resting", "seen")

    def __init__(self, key: bytes, last_use: int, *, seen: int = 0, resting: bytes = b"") -> None:
        self.key = key
        self.group = zlib.crc32(key) % GROUPS
        self.last_use = last_use
        self.models: Models | None = None
        self.members: Members | None = None
        self.resting = resting
        self.seen = seen

    def wake(self, making: Making) -> Members:
        """Return the members, after reading and binding what is missing."""
        if self.models is None:
            self.models, self.resting = making.read(self.resting), b""
        self.members = members = making.bind(self.models)
        return members

    def peek(self, making: Making) -> Models:
        """Return the models, and leave them as they are."""
        return making.read(self.resting) if self.models is None else self.models
