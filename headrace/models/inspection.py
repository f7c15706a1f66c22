"""What a model must keep so that replay is exact: seeded, picklable, unshared, equal when built again."""

from __future__ import annotations

import datetime
import enum
import functools
import pickle
import re
import types
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
from river import base, neighbors

from headrace.models.digest import digest

# proba.* own a generator that only .sample() uses; a bandit that samples seeds its copies itself.
_HARMLESS = "river.proba."
_SEEDS = ("seed", "random_state")
_CONTAINERS = (list, tuple, set, frozenset, deque)
# Nothing can change these, so two models may hold the same one.
_VALUES = (
    types.NoneType, bool, int, float, complex, str, bytes, range, re.Pattern, np.generic, np.dtype, enum.Enum,
    datetime.date, datetime.time, datetime.timedelta, datetime.tzinfo,
    type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType,
)  # fmt: skip


def unseeded(model: object) -> list[str]:
    """Return the paths of all seeds of *model* that are ``None``, as ``steps.ARFClassifier.seed``."""
    return [
        f"{path}.{name}".lstrip(".")
        for path, part in parts(model)
        for name in _SEEDS
        if getattr(part, name, "") is None and not _module(part).startswith(_HARMLESS)
    ]


def unseeded_engines(model: object) -> list[str]:
    """Return the paths of nearest-neighbour engines that are not reproducible."""
    return [
        path.lstrip(".")
        for path, part in parts(model)
        if isinstance(part, neighbors.SWINN) and part.seed is None
    ]


def changeable(model: object) -> dict[int, str]:
    """Return the paths of all objects in *model* that something could change, by their identity."""
    return {id(part): path.lstrip(".") or "the model" for path, part in parts(model) if _is_changeable(part)}


def difference(one: object, other: object) -> str | None:
    """Return the path of the innermost part in which *one* and *other* differ, ``None`` if they are equal."""
    if digest(one) == digest(other):
        return None
    pairs = zip(parts(one), parts(other), strict=False)
    unequal = [path for (path, a), (_, b) in pairs if digest(a) != digest(b)]
    return max(unequal, key=lambda path: path.count(".") + path.count("["), default="").lstrip(".")


def pickle_fault(model: base.Estimator) -> str | None:
    """Return why *model* cannot be pickled, or ``None`` if it can."""
    try:
        pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes of a moment ago
    except Exception as error:  # noqa: BLE001 - any reason is a reason
        return f"{type(error).__name__}: {error}"
    return None


def parts(model: object) -> Iterator[tuple[str, object]]:
    """Yield *model* and everything inside it that is not a plain value, once each, with its path."""
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", model)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, _VALUES) or id(part) in seen:
            continue
        seen.add(id(part))
        yield path, part
        waiting += [(path + step, inner) for step, inner in _inside(part)]


def _inside(part: object) -> Iterator[tuple[str, object]]:
    if isinstance(part, dict):
        yield from ((f".{key}", value) for key, value in part.items())
    elif isinstance(part, _CONTAINERS):
        yield from ((f"[{i}]", value) for i, value in enumerate(part))
    elif isinstance(part, functools.partial):
        yield from (("", inner) for inner in (part.func, *part.args, *part.keywords.values()))
    elif isinstance(part, types.MethodType):
        yield "", part.__self__
    yield from ((f".{name}", value) for name, value in _attributes(part).items())


def _attributes(part: object) -> dict[str, Any]:
    slots = (
        name
        for kind in type(part).__mro__
        for name in _names(kind.__dict__.get("__slots__", ()))
        if not name.startswith("__")
    )
    found = {name: getattr(part, name) for name in slots if hasattr(part, name)}
    return found | getattr(part, "__dict__", {})


def _names(slots: str | tuple[str, ...]) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _is_changeable(part: object) -> bool:
    """Return whether *part* holds state of its own: not a tuple, and no object without attributes."""
    if isinstance(part, tuple | frozenset | functools.partial | types.MethodType):
        return False
    if isinstance(part, dict | list | set | deque | np.ndarray):
        return True
    # A class written in Rust or C shows no attributes; it may well have state.
    return bool(_attributes(part)) or not hasattr(part, "__dict__")


def _module(part: object) -> str:
    return type(part).__module__ + "."
