"""What the text of a record may look like, whatever its type: each key once, not too many, not too deep."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import orjson

from schemas.events import Limits
from schemas.refusals import Refusal, explained

_KEYS = re.compile(rb'"\s*:')
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_STEPS = bytes.maketrans(b"{[}]", b"\x01\x01\xff\xff")
_NO_BRACKETS = bytes({*range(256)} - {*b"{[}]"})


def check_shape(value: bytes, limits: Limits) -> None:
    """Refuse duplicate keys, too many keys, too much depth; exact, and slow.

    Raises
    ------
    Refusal
        Saying which.
    """
    n_keys = len(_KEYS.findall(value))
    if n_keys > limits.keys:
        n_keys = _STRINGS.sub(b"", value).count(b":")  # less those within texts
    if n_keys > limits.keys:
        raise Refusal("keys", f"expected at most {limits.keys} keys, got {n_keys}")
    if value.count(b"{") + value.count(b"[") > limits.depth:
        depth = _depth(value)
        if depth > limits.depth:
            raise Refusal("depth", f"expected at most {limits.depth} levels, got {depth}")
    try:
        if len(orjson.loads(value)) == n_keys:
            return
        json.loads(value, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise explained(error, value) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        twice = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        raise Refusal("duplicate_key", f"key {twice[:80]!r} comes twice in one object")
    return found


def _depth(value: bytes) -> int:
    """Return how deep the brackets of *value* nest: each opens a level, +1, or closes one, -1."""
    steps = _STRINGS.sub(b"", value).translate(_STEPS, _NO_BRACKETS)
    return max(itertools.accumulate(memoryview(steps).cast("b")))
