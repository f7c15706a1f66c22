"""A fingerprint of a model's state that does not depend on how, where or when it was built."""

from __future__ import annotations

import hashlib
import random
from typing import Any

import numpy as np
from river import proba


def digest(state: object) -> str:
    """Return the SHA-256 of the structure of *state*: equal states, equal digests.

    Floats count by their bits, sets and dicts of attributes regardless of order; the generator that
    ``proba.Gaussian`` owns and never uses for predictions does not count. Object identity, pickle memo and
    hash seed do not matter.
    """
    sha = hashlib.sha256()
    _walk(state, sha.update, {})
    return sha.hexdigest()


def _walk(part: Any, put: Any, seen: dict[int, int]) -> None:
    if part is None or isinstance(part, bool | int | str | bytes):
        put(f"{type(part).__name__}:{part!r};".encode())
    elif isinstance(part, float):
        put(f"f:{float(part).hex()};".encode())
    elif id(part) in seen:
        put(f"@{seen[id(part)]};".encode())
    else:
        seen[id(part)] = len(seen)
        _walk_object(part, put, seen)


def _walk_object(part: Any, put: Any, seen: dict[int, int]) -> None:
    kind = f"{type(part).__module__}.{type(part).__qualname__}"
    if isinstance(part, np.ndarray):
        put(f"{kind}:{part.dtype}:{part.shape};".encode() + part.tobytes())
    elif isinstance(part, random.Random):
        put(repr(part.getstate()).encode())
    elif isinstance(part, type) or (callable(part) and hasattr(part, "__qualname__")):
        put(f"{part.__module__}.{part.__qualname__};".encode())
    elif isinstance(part, dict):
        put(f"{kind}({len(part)};".encode())
        for key, value in part.items():
            _walk(key, put, seen)
            _walk(value, put, seen)
    elif isinstance(part, set | frozenset):
        put(f"{kind}{sorted(map(repr, part))};".encode())
    elif isinstance(part, list | tuple):
        put(f"{kind}({len(part)};".encode())
        for value in part:
            _walk(value, put, seen)
    else:
        put(f"{kind};".encode())
        _walk_reduced(part, put, seen)


def _walk_reduced(part: Any, put: Any, seen: dict[int, int]) -> None:
    if isinstance(part, proba.Gaussian):
        _walk({k: v for k, v in sorted(vars(part).items()) if k != "_rng"}, put, seen)
        return
    reduced = part.__reduce_ex__(4)
    if isinstance(reduced, str):
        put(reduced.encode())
        return
    for piece in reduced[1:3]:
        _walk(piece, put, seen)
    for items in reduced[3:5]:
        _walk(None if items is None else list(items), put, seen)
