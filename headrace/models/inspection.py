"""What a model factory must keep so that replay is exact: fresh, seeded, picklable models."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

from river import base, neighbors

# proba.* own a generator that only .sample() uses; no prediction depends on it.
_HARMLESS = ("river.proba.",)
_SEEDS = ("seed", "random_state")


def unseeded(model: base.Estimator) -> list[str]:
    """Return the paths of all parts of *model* whose random seed is ``None``, for example ``tree.seed``."""
    return [
        f"{path}.{name}".lstrip(".")
        for path, part in parts(model)
        for name in _SEEDS
        if not _module(part).startswith(_HARMLESS) and hasattr(part, name) and getattr(part, name) is None
    ]


def unseeded_engines(model: base.Estimator) -> list[str]:
    """Return the paths of nearest-neighbour engines that are not reproducible."""
    return [path for path, part in parts(model) if isinstance(part, neighbors.SWINN) and part.seed is None]


def shared(one: base.Estimator, other: base.Estimator) -> list[str]:
    """Return the paths of the estimators that *one* and *other* have in common."""
    ids = {id(part) for _, part in parts(other) if isinstance(part, base.Estimator)}
    return [path or "model" for path, part in parts(one) if id(part) in ids]


def pickle_fault(model: base.Estimator) -> str | None:
    """Return why *model* cannot be pickled, or ``None`` if it can."""
    try:
        pickle.loads(pickle.dumps(model))  # noqa: S301 - our own bytes of a moment ago
    except Exception as error:  # noqa: BLE001 - any reason is a reason
        return f"{type(error).__name__}: {error}"
    return None


def parts(model: object) -> Iterator[tuple[str, object]]:
    """Yield *model* and every object of river or of an estimator inside it, with its path."""
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", model)]
    while waiting:
        path, part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, dict):
            waiting += [(f"{path}.{key}", value) for key, value in part.items()]
        elif isinstance(part, list | tuple | set):
            waiting += [(f"{path}[{i}]", value) for i, value in enumerate(part)]
        elif isinstance(part, base.Base) or _module(part).startswith("river."):
            if isinstance(part, type):
                continue
            yield path, part
            waiting += [(f"{path}.{k}", v) for k, v in _attributes(part).items()]


def _attributes(part: object) -> dict[str, Any]:
    return dict(getattr(part, "__dict__", {}))


def _module(part: object) -> str:
    return type(part).__module__ + "."
