"""Several captures at one offset as one snapshot: what is written whole beside what is written in turns."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from headrace.errors import SnapshotError
from headrace.fold_state import Capture
from headrace.snapshots import pickling


class Inner(Protocol):
    """What a joint capture holds."""

    reaches_back: int

    @property
    def cost_s(self) -> float:
        """Seconds of processor time so far."""
        ...

    def advance(self, budget_s: float) -> bool:
        """Work for about *budget_s*; return whether all is done."""
        ...

    def body(self) -> bytes:
        """Return the bytes, once all is done."""
        ...

    def close(self, *, written: bool) -> None:
        """End."""
        ...


class JointCapture:
    """A capture that is done when all of its parts are.

    Parameters
    ----------
    main
        Says offset, step, and how many snapshots before this one a restore needs.
    others
        Captures begun at the same offset, by name.
    """

    def __init__(self, main: Capture, others: Mapping[str, Inner]) -> None:
        self._inner: dict[str, Inner] = {"main": main, **others}
        self.next_offset, self.step = main.next_offset, main.step
        self.reaches_back = max(inner.reaches_back for inner in self._inner.values())

    @property
    def cost_s(self) -> float:
        """Seconds of processor time it has taken so far."""
        return sum(inner.cost_s for inner in self._inner.values())

    def advance(self, budget_s: float) -> bool:
        """Work for about *budget_s*; return whether all is done."""
        share_s = budget_s / len(self._inner)
        return all([inner.advance(share_s) for inner in self._inner.values()])  # noqa: C419 - each has its turn

    def body(self) -> bytes:
        """Return the bytes, once all is done."""
        bodies = {name: inner.body() for name, inner in self._inner.items()}
        return zlib.compress(pickling.pickled(bodies), 0)  # they are compressed already

    def close(self, *, written: bool) -> None:
        """End; after one that was *written*, the next may hold only what has changed since."""
        for inner in self._inner.values():
            inner.close(written=written)


def is_joint(state: Any) -> bool:
    """Return whether *state* is what `JointCapture` wrote."""
    return isinstance(state, dict) and isinstance(state.get("main"), bytes)


def parted(states: Sequence[Any]) -> dict[str, list[bytes]]:
    """Return, for each name, its bodies in those that `JointCapture` wrote, oldest first.

    What is beside the models, and written whole each time, may come and go: of that the newest counts.

    Raises
    ------
    SnapshotError
        If they are no such bodies.
    """
    try:
        joints = [msgspec.convert(state, dict[str, bytes], builtin_types=(bytes,)) for state in states]
    except msgspec.ValidationError as error:
        raise SnapshotError("state", "the snapshot has no parts", why=str(error)) from error
    newest = joints[-1]
    if any((joint.keys() ^ newest.keys()) - {"parts"} for joint in joints) or "main" not in newest:
        raise SnapshotError("state", f"the snapshots have other parts than {', '.join(newest)}")
    return {name: [joint[name] for joint in joints if name in joint] for name in newest}
