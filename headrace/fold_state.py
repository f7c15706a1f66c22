"""The state of a fold on its way to bytes, and what is checked when it comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from river import base

from headrace.drift import attach
from headrace.errors import SnapshotError
from headrace.snapshots.capture import BodyCapture

_MOST_S_PER_BYTE = 2e-6
"""Pickling takes at most about so long per byte that comes out: 1.2e-6 for a forest, less for all else."""

ORDERS = "orders"
"""Name of the part that is written down only where operators have said something."""


class Capture(Protocol):
    """A fold's state at ``next_offset``, on its way to bytes while the fold goes on.

    ``step`` is the number of events learned then; ``reaches_back`` how many snapshots before this one a
    restore needs as well.
    """

    next_offset: int
    step: int
    reaches_back: int

    @property
    def cost_s(self) -> float:
        """Seconds of processor time it has taken so far."""
        ...

    def advance(self, budget_s: float) -> bool:
        """Work for about *budget_s*; return whether all is done."""
        ...

    def body(self) -> bytes:
        """Return the bytes, once all is done."""
        ...

    def close(self, *, written: bool) -> None:
        """End; after one that was *written*, the next may hold only what has changed since."""
        ...


class WholeCapture:
    """A capture of all there is.

    Parameters
    ----------
    learn_cost
        Told the seconds that pickling took, so that the next one knows what to expect.
    """

    reaches_back = 0

    def __init__(
        self, inner: BodyCapture, next_offset: int, step: int, learn_cost: Callable[[float], None]
    ) -> None:
        self._inner = inner
        self._learn_cost = learn_cost
        self.next_offset = next_offset
        self.step = step

    @property
    def cost_s(self) -> float:
        """Seconds of processor time it has taken so far."""
        return self._inner.cost_s

    def advance(self, budget_s: float) -> bool:
        """Work for about *budget_s*; return whether all is done."""
        is_done = self._inner.advance(budget_s)
        if is_done:  # a child costs something itself, and that much more than a small model
            self._learn_cost(min(self._inner.cost_s, len(self._inner.body()) * _MOST_S_PER_BYTE))
        return is_done

    def body(self) -> bytes:
        """Return the bytes, once all is done."""
        return self._inner.body()

    def close(self, *, written: bool) -> None:
        """End."""
        self._inner.close(written=written)


class Part(Protocol):
    """What a fold holds beside its models: it goes on where models are rolled back."""

    def state(self) -> Any:
        """Return what is written down; the part goes on to change it, so it is pickled at once."""
        ...

    def restore(self, state: Any) -> None:
        """Go on from what `state` returned, or raise `SnapshotError`."""
        ...


class WholeState(msgspec.Struct, forbid_unknown_fields=True):
    """What a snapshot of one set of models holds."""

    step: int
    models: dict[str, Any]
    parts: dict[str, Any] = {}


def require_parts(found: Mapping[str, Any], wanted: Mapping[str, Part]) -> None:
    """Refuse a state that has other parts; what operators have said may be among them or not.

    Raises
    ------
    SnapshotError
        If it has.
    """
    if found.keys() - {ORDERS} != wanted.keys():
        raise SnapshotError(
            "parts",
            "the snapshot is of another declaration",
            why=f"expected {', '.join(wanted) or 'models only'}, found {', '.join(found) or 'models only'}",
            fix="raise the pipeline's version when event time, transform, labels or metrics come or go",
        )


def whole_state(states: Sequence[Any], like: Mapping[str, base.Estimator]) -> WholeState:
    """Return what the last of *states* says, if its models are such as *like*.

    Raises
    ------
    SnapshotError
        If not.
    """
    try:
        state = msgspec.convert(states[-1], WholeState)
    except msgspec.ValidationError as error:
        raise SnapshotError("state", "the snapshot holds no models of a fold", why=str(error)) from error
    return WholeState(state.step, checked_models(state.models, like), state.parts)


def checked_models(models: Any, like: Mapping[str, base.Estimator]) -> dict[str, base.Estimator]:
    """Return *models* in the order of *like*, if they have its names and types.

    Raises
    ------
    SnapshotError
        If not.
    """
    found = {name: type(model) for name, model in models.items()} if isinstance(models, dict) else {}
    wanted = {name: type(model) for name, model in like.items()}
    if found != wanted:
        raise SnapshotError(
            "models",
            "the snapshot holds other models than the pipeline",
            why=f"expected {_named(wanted)}, found {_named(found) or type(models).__name__}",
            fix="raise the pipeline's version when its models change",
        )
    return {name: attach(models[name], fresh) for name, fresh in like.items()}


def _named(types: Mapping[str, type]) -> str:
    return ", ".join(f"{name}: {kind.__name__}" for name, kind in types.items())
