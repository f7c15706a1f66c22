"""How far the replay of each partition is, and how long it will take at the pace of the last seconds."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

WINDOW = 10
"""So many looks, about a second apart, tell the pace."""


class ReplayProgress:
    """Looks at the records left to replay, now and then."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[tuple[float, int]]] = {}

    def update(self, now_s: float, remaining: Mapping[int, int]) -> None:
        """Take in how many records each partition has left to replay; absent means none."""
        for partition in list(self._seen):
            if not remaining.get(partition):
                del self._seen[partition]
        for partition, n in remaining.items():
            if n:
                self._seen.setdefault(partition, deque(maxlen=WINDOW)).append((now_s, n))

    def report(self) -> list[dict[str, Any]]:
        """Return partition, records left, records per second and seconds left; ``None`` if not known yet."""
        rows = []
        for partition, seen in sorted(self._seen.items()):
            (first_s, before), (last_s, now) = seen[0], seen[-1]
            per_s = (before - now) / (last_s - first_s) if last_s > first_s else 0.0
            rows.append(
                {
                    "partition": partition,
                    "remaining": now,
                    "per_s": round(per_s) or None,
                    "eta_s": round(now / per_s, 1) if per_s > 0 else None,
                }
            )
        return rows
