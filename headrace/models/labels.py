"""Labels: what a model may answer, as JSON can carry it, and its name among the probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite

import numpy as np

from schemas.results import Label

_INTEGERS = range(-(1 << 63), 1 << 64)
"""What JSON readers of other languages hold exactly."""


def plain(label: object) -> Label | None:
    """Return *label* as Python's own bool, int, float or str; ``None`` stays.

    Raises
    ------
    ValueError
        If it is anything else, or a number or text that JSON cannot carry.

    """
    if isinstance(label, np.generic):
        label = label.item()
    if label is None or isinstance(label, bool):
        return label
    if isinstance(label, float) and isfinite(label):
        return float(label)
    if isinstance(label, int) and label in _INTEGERS:
        return int(label)
    if isinstance(label, str):
        label.encode()  # a UnicodeEncodeError is a ValueError
        return str(label)
    raise ValueError(f"label is {label!r}, expected a bool, a str or a finite number")


def text_of(label: object) -> str:
    """Return the JSON text of *label*, a str without quotes: the name of its probability."""
    if label is True:
        return "true"
    if label is False:
        return "false"
    if label.__class__ is str and label.isascii():
        return label
    given = plain(label)
    if given is None or isinstance(given, bool):  # numpy's own bool is neither of the above
        return str(given).lower() if given is not None else "null"
    return str(given)


def label_of(text: str, like: Iterable[object]) -> Label:
    """Return the label that `text_of` turned into *text*, of the type of one of the labels *like*."""
    for kind in dict.fromkeys(type(label) for label in like):
        if kind is bool and text in ("true", "false"):
            return text == "true"
        if kind in (int, float):
            try:
                number: Label = kind(text)
            except ValueError:
                continue
            if str(number) == text:
                return number
    return text
