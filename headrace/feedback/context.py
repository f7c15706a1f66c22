"""From the features of an event to numbers by name, at most so many."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

INTERCEPT = ""
"""Name of the feature that is always 1, so that an arm can be good whatever the context; no field has it."""


def parted(x: Mapping[Any, Any]) -> tuple[dict[Any, float], dict[Any, float]]:
    """Return the numbers of *x*, and marks: True as 1, False as 0, a text as a mark ``name=text`` that is 1.

    Raises
    ------
    ValueError
        If a feature is anything else.

    """
    numbers: dict[Any, float] = {}
    marks: dict[Any, float] = {INTERCEPT: 1.0}
    for name, value in x.items():
        kind = value.__class__
        if kind is float:
            numbers[name] = value
        elif kind is str:
            marks[f"{name}={value}"] = 1.0
        elif kind is bool:
            marks[name] = 1.0 if value else 0.0
        elif kind is int or isinstance(value, Real):  # such as numpy's
            numbers[name] = float(value)
        else:
            raise ValueError(f"feature {name!r} is a {kind.__name__}, expected a number, a bool or a text")
    return numbers, marks


class Context:
    """What the arms of a bandit see of an event: at most *most* numbers, one of them always 1.

    Names are taken in as they are learned, first come, first served; ``left_out`` counts the values that were
    not learned for want of room. *transformer* gets the numbers first, not the marks; it learns from
    rewarded events.
    """

    def __init__(self, most: int, transformer: Any = None) -> None:
        self.most = most
        self.transformer = transformer
        self.known: dict[Any, None] = {INTERCEPT: None}
        self.left_out = 0

    def asked(self, x: Mapping[Any, Any]) -> dict[Any, float]:
        """Return the features of *x* that are known or may still become so."""
        numbers = self._numbers(*parted(x))
        if len(self.known) < self.most:
            return numbers
        known = self.known
        return {name: value for name, value in numbers.items() if name in known}

    def learned(self, x: Mapping[Any, Any]) -> tuple[dict[Any, float], list[Any]]:
        """Return the features of *x* that are known, and the names that are known from now on."""
        numbers, marks = parted(x)
        if self.transformer is not None:
            self.transformer.learn_one(numbers)
        numbers = self._numbers(numbers, marks)
        known, room = self.known, self.most - len(self.known)
        new = [name for name in numbers if name not in known][:room]
        known.update(dict.fromkeys(new))
        kept = {name: value for name, value in numbers.items() if name in known}
        self.left_out += len(numbers) - len(kept)
        return kept, new

    def _numbers(self, numbers: dict[Any, float], marks: dict[Any, float]) -> dict[Any, float]:
        """Return all of them, marks first; a scaler would make nothing of what is 1 whenever it is there."""
        if self.transformer is not None:
            numbers = self.transformer.transform_one(numbers)
        marks.update(numbers)
        return marks
