"""A bug on purpose, `headrace.mutants`: dead letters that go out after their record is committed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

LATE_S = 3.0
"""Longer than two commits are apart."""

Append = Callable[..., None]
Waiting = deque[tuple[float, tuple[Any, ...]]]


def late(append: Append, waiting: Waiting) -> Append:
    """Append what has been *waiting* for long enough; return what lets more of it wait."""
    while waiting and waiting[0][0] < time.monotonic() - LATE_S:
        append(*waiting.popleft()[1])

    def wait(*letter: Any) -> None:
        waiting.append((time.monotonic(), letter))

    return wait
