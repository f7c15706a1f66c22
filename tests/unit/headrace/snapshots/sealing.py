"""What tests of snapshots share: a header, a key file, a state."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from platform import python_version
from typing import Any

import msgspec

from headrace.snapshots.codec import Codec
from headrace.snapshots.keys import Keyring
from headrace.snapshots.pickling import dumps
from schemas.snapshots import SnapshotHeader

HEADER = SnapshotHeader(
    pipeline="flights",
    version=1,
    models={"linear": "a1", "tree": "b2"},
    topic="flights",
    partition=0,
    next_offset=1_000,
    step=900,
    river=version("river"),
    python=python_version(),
    headrace=version("headrace"),
    epoch=4,
)

STATE: dict[str, Any] = {"step": 900, "weights": [0.5, -1.25, 3.0], "names": ("a", "b")}

BODY = dumps(STATE)


def header(**changes: Any) -> SnapshotHeader:
    """Return the header of a snapshot with some fields changed."""
    return msgspec.structs.replace(HEADER, **changes)


def keyring(folder: Path, name: str = "keys.json") -> Keyring:
    """Return the keys in *folder*, made at first use."""
    return Keyring.load(folder / name, production=False)


def codec(folder: Path, **options: Any) -> Codec:
    """Return a codec with the keys in *folder*."""
    return Codec(keyring(folder), **options)
