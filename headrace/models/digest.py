"""A fingerprint of a model's state that does not depend on how, where or when it was built."""

from __future__ import annotations

import copyreg
import hashlib
import random
import types
from collections.abc import Iterable
from typing import Any

import numpy as np
from river import compose, proba

_NAMED = (type, types.FunctionType, types.ModuleType)
_CALLS = (types.MethodType, types.BuiltinFunctionType)


def digest(state: object) -> str:
    """Return the SHA-256 of the structure of *state*: equal states, equal digests.

    Floats count by their bits, dicts and lists in their order, sets and attributes regardless of it;
    functions and classes count by name. The generator that ``proba.Gaussian`` owns and never uses for
    predictions does not count. Addresses, pickling and the hash seed do not matter.
    """
    sha = hashlib.sha256()
    numbers: dict[int, int] = {}
    alive: list[object] = []  # an id tells objects apart only while they live
    waiting: list[Any] = [state]
    while waiting:
        part = waiting.pop()
        if (text := _scalar(part)) is not None:
            sha.update(text.encode(errors="surrogatepass"))
            continue
        if not isinstance(part, tuple | frozenset):  # values: Python itself shares equal ones at will
            if id(part) in numbers:
                sha.update(f"@{numbers[id(part)]};".encode())
                continue
            numbers[id(part)] = len(numbers)
            alive.append(part)
        head, children = _opened(part)
        sha.update(head)
        waiting += reversed(children)
    return sha.hexdigest()


def _scalar(part: Any) -> str | None:
    """Return the text of a part that has nothing inside, or ``None``."""
    if isinstance(part, float):
        return f"f:{float(part).hex()};"
    if part is None or isinstance(part, bool | int | str | bytes):
        return f"{type(part).__name__}:{part!r};"
    if isinstance(part, _NAMED):
        module = getattr(part, "__module__", "")
        return f"{module}.{getattr(part, '__qualname__', part.__name__)};"
    return None


def _opened(part: Any) -> tuple[bytes, list[Any]]:
    """Return what *part* is and what is inside, in an order that is always the same."""
    kind = f"{type(part).__module__}.{type(part).__qualname__}"
    if (content := _content(part)) is not None:
        return f"{kind}:".encode() + content, []
    if isinstance(part, _CALLS):
        return f"{kind}:{part.__qualname__};".encode(), [part.__self__]
    if (attributes := _changed_by_snapshots(part)) is not None:
        return _listed(kind, attributes)
    if isinstance(part, dict):
        return _listed(kind, getattr(part, "__dict__", {}), pairs=part.items())
    if isinstance(part, list | tuple):
        return _listed(kind, getattr(part, "__dict__", {}), items=part)
    return _reduced(kind, part)


def _changed_by_snapshots(part: Any) -> dict[str, Any] | None:
    """Return the attributes of what is not restored as it was, in a form that stays the same."""
    if isinstance(part, proba.Gaussian):
        return {name: value for name, value in vars(part).items() if name != "_rng"}
    if issubclass(type(part), compose.Select):  # a river pipeline passes for its last step
        return {**vars(part), "keys": frozenset(part.keys)}
    return None


def _content(part: Any) -> bytes | None:
    """Return all that is in *part*, where that is quickly said."""
    if isinstance(part, np.ndarray) and not part.dtype.hasobject:
        return f"{part.dtype}:{part.shape};".encode() + part.tobytes()
    if isinstance(part, random.Random):
        return f"{part.getstate()!r};".encode()
    if isinstance(part, set | frozenset):
        return f"{sorted(map(digest, part))};".encode()
    return None


def _reduced(kind: str, part: Any) -> tuple[bytes, list[Any]]:
    """Take *part* apart as pickle does."""
    reducer = copyreg.dispatch_table.get(type(part))
    reduced = reducer(part) if reducer else part.__reduce_ex__(4)
    if isinstance(reduced, str):
        return f"{kind}:{reduced};".encode(), []
    arguments, state, items, pairs = (*reduced[1:5], None, None, None)[:4]
    attributes = state if isinstance(state, dict) else {"": state}
    return _listed(kind, attributes, items=[*arguments, *(items or ())], pairs=pairs or ())


def _listed(
    kind: str,
    attributes: dict[str, Any],
    *,
    items: Iterable[Any] = (),
    pairs: Iterable[tuple[Any, Any]] = (),
) -> tuple[bytes, list[Any]]:
    items, pairs = list(items), list(pairs)
    head = f"{kind}({len(attributes)},{len(items)},{len(pairs)};"
    named = [x for pair in sorted(attributes.items(), key=lambda a: str(a[0])) for x in pair]
    return head.encode(), [*named, *items, *(x for pair in pairs for x in pair)]
