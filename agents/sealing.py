"""A fold's state as sealed snapshots, and back: what lies between the engine and the stores."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any, Literal

from headrace.fold import Capture, Fold
from headrace.pipeline import Pipeline
from headrace.snapshots import spec
from headrace.snapshots.codec import Codec
from schemas.snapshots import SnapshotHeader


class Sealer:
    """Seals and opens the snapshots of one pipeline.

    Parameters
    ----------
    versions
        ``exact`` refuses snapshots of other versions of river or Python: what follows would not be the same
        to the bit.

    Attributes
    ----------
    models
        The hash of each model's declaration, by name.
    """

    def __init__(self, pipeline: Pipeline, codec: Codec, versions: Literal["exact", "any"] = "exact") -> None:
        self.pipeline = pipeline
        self._codec = codec
        self._versions: Literal["exact", "any"] = versions
        self.allowed = codec.allowed
        self.models = spec.spec_hashes(pipeline.fresh_models())

    def seal(self, fold: Fold, capture: Capture, facts: Mapping[str, Any]) -> tuple[SnapshotHeader, bytes]:
        """Return the snapshot of what *capture* took of *fold*, and its header."""
        header = SnapshotHeader(
            pipeline=self.pipeline.name,
            version=self.pipeline.version,
            models=self.models,
            topic=fold.topic,
            partition=fold.partition,
            next_offset=capture.next_offset,
            step=capture.step,
            scope=self.pipeline.scope,
            reaches_back=capture.reaches_back,
            created_ms=int(time.time() * 1000),
            dump_s=round(capture.cost_s, 6),
            river=version("river"),
            python=platform.python_version(),
            headrace=version("headrace"),
            **facts,
        )
        return header, self._codec.seal(header, capture.body())

    def header_of(self, blob: bytes, topic: str, partition: int) -> SnapshotHeader:
        """Return the header of *blob* if its seal is intact and it is of this pipeline and partition.

        Raises
        ------
        SnapshotError
            If not; nothing is unpickled.
        """
        header = self._codec.header(blob)
        spec.require(
            header,
            pipeline=self.pipeline.name,
            version=self.pipeline.version,
            topic=topic,
            partition=partition,
            models=self.models,
            scope=self.pipeline.scope,
            versions=self._versions,
        )
        return header

    def any_header_of(self, blob: bytes) -> SnapshotHeader:
        """Return the header of *blob*, whoever's it is, if its seal is intact.

        Raises
        ------
        SnapshotError
            If it is not.
        """
        return self._codec.header(blob)

    def load(self, blobs: Sequence[bytes]) -> tuple[SnapshotHeader, list[Any]]:
        """Return the header of the last of *blobs* and the states of all.

        Raises
        ------
        SnapshotError
            If one cannot be opened.
        """
        opened = [self._codec.load(blob) for blob in blobs]
        return opened[-1][0], [state for _, state in opened]
