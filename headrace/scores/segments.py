"""Segments: the values of a field that have scores of their own, first come, first served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headrace.models.labels import text_of

OTHER, NONE = "(other)", "(none)"
_LONGEST = 64


class Segments:
    """Names of segments by value.

    Parameters
    ----------
    most
        How many are told apart; all later ones are `OTHER`.

    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: dict[str, None] = {}

    def rows(self, values: Sequence[Any]) -> dict[str, list[int]]:
        """Return which of *values* belong to which segment, in the order in which they came."""
        found: dict[str, list[int]] = {}
        known: dict[tuple[type, Any], str] = {}
        for row, value in enumerate(values):
            key = value.__class__, value  # True equals 1, and reads otherwise
            name = known.get(key)
            if name is None:
                name = known[key] = self._name(value)
            found.setdefault(name, []).append(row)
        return found

    def _name(self, value: Any) -> str:
        if value is None:
            return NONE
        try:
            name = text_of(value)
        except ValueError:
            return OTHER
        if name in self._names:
            return name
        if len(self._names) >= self._most or not 0 < len(name) <= _LONGEST or name in (OTHER, NONE):
            return OTHER
        self._names[name] = None
        return name

    def state(self) -> list[str]:
        """Return what it knows as builtins."""
        return list(self._names)

    def restore(self, state: Sequence[str]) -> None:
        """Know what `state` said."""
        self._names = dict.fromkeys(state)
