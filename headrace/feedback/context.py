"""From the features of an event to numbers by name, at most so many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INTERCEPT = ""
"""Name of the feature that is always 1, so that an arm can be good whatever the context; no field has it."""


def numbers_of(x: Mapping[Any, Any]) -> dict[str, float]:
    """Return numbers as they are, True as 1, and a text as a feature ``name=text`` that is 1.

    Raises
    ------
    ValueError
        If a feature is anything else.

    """
    found: dict[str, float] = {}
    for name, value in x.items():
        kind = value.__class__
        if kind is float:
            found[name] = value
        elif kind is str:
            found[f"{name}={value}"] = 1.0
        elif kind is int or kind is bool:
            found[name] = float(value)
        else:
            raise ValueError(f"feature {name!r} is a {kind.__name__}, expected a number, a bool or a text")
    return found


class Context:
    """What the arms of a bandit see of an event: at most *most* numbers, one of them always 1.

    Names are taken in as they are learned, first come, first served; ``left_out`` counts the values that were
    not learned for want of room. *transformer* gets the numbers first; it learns from rewarded events.
    """

    def __init__(self, most: int, transformer: Any = None) -> None:
        self.most = most
        self.transformer = transformer
        self.known: dict[str, None] = {INTERCEPT: None}
        self.left_out = 0

    def asked(self, x: Mapping[Any, Any]) -> dict[str, float]:
        """Return the features of *x* that are known or may still become so."""
        numbers = self._transformed(numbers_of(x))
        if len(self.known) < self.most:
            return numbers
        known = self.known
        return {name: value for name, value in numbers.items() if name in known}

    def learned(self, x: Mapping[Any, Any]) -> tuple[dict[str, float], list[str]]:
        """Return the features of *x* that are known, and the names that are known from now on."""
        numbers = numbers_of(x)
        if self.transformer is not None:
            self.transformer.learn_one(numbers)
        numbers = self._transformed(numbers)
        known, room = self.known, self.most - len(self.known)
        new = [name for name in numbers if name not in known][:room]
        known.update(dict.fromkeys(new))
        kept = {name: value for name, value in numbers.items() if name in known}
        self.left_out += len(numbers) - len(kept)
        return kept, new

    def _transformed(self, numbers: dict[str, float]) -> dict[str, float]:
        if self.transformer is not None:
            numbers = dict(self.transformer.transform_one(numbers))
        numbers[INTERCEPT] = 1.0
        return numbers
