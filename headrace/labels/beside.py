"""Models and what waits for labels in one snapshot: both are of one offset, and come back together."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from headrace.errors import SnapshotError
from headrace.fold_state import Capture
from headrace.labels.capture import LabelsCapture
from headrace.snapshots import pickling
from headrace.snapshots.allowed import Allowed


class BesideCapture:
    """The capture of the models and that of what waits, as one; see `headrace.fold_state.Capture`."""

    def __init__(self, models: Capture, labels: LabelsCapture) -> None:
        self._parts: tuple[Capture, ...] = (models, labels)
        self._models, self._labels = models, labels
        self._undone = [*self._parts]
        self.next_offset = models.next_offset
        self.step = models.step
        self.reaches_back = max(part.reaches_back for part in self._parts)

    @property
    def cost_s(self) -> float:
        """Seconds of processor time it has taken so far."""
        return sum(part.cost_s for part in self._parts)

    def advance(self, budget_s: float) -> bool:
        """Work for about *budget_s*; return whether all is done.

        Raises
        ------
        SnapshotError
            If one of the two cannot be written.
        """
        share_s = budget_s / max(1, len(self._undone))
        self._undone = [part for part in self._undone if not part.advance(share_s)]
        return not self._undone

    def body(self) -> bytes:
        """Return the bytes, once all is done."""
        state = {"models": self._models.body(), "labels": self._labels.state()}
        return zlib.compress(pickling.pickled(state), 0)  # both are compressed already

    def close(self, *, written: bool) -> None:
        """End; after one that was *written*, the next may hold only what has changed since."""
        for part in self._parts:
            part.close(written=written)


class _Both(msgspec.Struct, forbid_unknown_fields=True):
    models: bytes
    labels: dict[str, Any]


def split(states: Sequence[Any], allowed: Allowed) -> tuple[list[Any], list[Any]]:
    """Return what the unpickled bodies *states* hold of the models, and of what waits.

    Raises
    ------
    SnapshotError
        If they are not of a pipeline with labels, or name what is not *allowed*.
    """
    try:
        both = [msgspec.convert(state, _Both, builtin_types=(bytes,)) for state in states]
    except msgspec.ValidationError as error:
        raise SnapshotError(
            "state",
            "the snapshot is not of a pipeline whose labels come later",
            why=str(error),
            fix="raise the pipeline's version when labels are declared",
        ) from error
    return [pickling.loads(each.models, allowed) for each in both], [each.labels for each in both]
