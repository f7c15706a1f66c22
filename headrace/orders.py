"""What operators have said of single models, as far as it holds for all that comes."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from headrace.errors import SnapshotError


class Order(NamedTuple):
    """Something to be done to a model, before the next record is folded; ``value`` is that of a weight."""

    action: str
    model: str = ""
    value: float | None = None


class _State(msgspec.Struct, forbid_unknown_fields=True):
    frozen: list[str]
    disabled: list[str]


class Orders:
    """Which models do not take part, or not in all.

    A part of the fold's state: it goes on where models are rolled back, and holds for those of all keys.

    Attributes
    ----------
    frozen
        Names of the models that are asked and not taught.
    disabled
        Names of those that are neither.
    """

    def __init__(self) -> None:
        self.frozen: set[str] = set()
        self.disabled: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self.frozen or self.disabled)

    @property
    def untaught(self) -> set[str]:
        """Names of the models that do not learn."""
        return self.frozen | self.disabled

    def state(self) -> dict[str, list[str]]:
        """Return what is written down."""
        return {"frozen": sorted(self.frozen), "disabled": sorted(self.disabled)}

    def restore(self, state: Any) -> None:
        """Go on from what `state` returned; ``None``: nobody has said anything.

        Raises
        ------
        SnapshotError
            If it is no such thing.
        """
        try:
            found = _State([], []) if state is None else msgspec.convert(state, _State)
        except msgspec.ValidationError as error:
            raise SnapshotError("orders", "the snapshot's orders cannot be read", why=str(error)) from error
        self.frozen, self.disabled = set(found.frozen), set(found.disabled)
