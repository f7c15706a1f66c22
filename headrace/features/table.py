"""The rows of a lookup table, each in the versions that events may still ask for."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from math import inf
from typing import Any, TypeAlias

from headrace.features.lookup import Lookup
from schemas.refusals import Refusal

Row: TypeAlias = tuple[Any, ...]
"""Values of the fields that join, in their order."""

MAX_VERSIONS = 10_000
"""Of one row, however far behind the watermark is: the oldest goes."""


class LookupTable:
    """A table on one partition of the log.

    Updates come in the order of the log, in any order of their times. A row holds from its time until that of
    the next one; of those behind the watermark only the newest is kept, and none that was deleted: an update
    older than a deletion behind the watermark would bring the row back.

    Attributes
    ----------
    n_rows
        Versions of rows held.
    evicted
        Versions that gave way to others, for want of room.
    missed
        Events that found no row.

    """

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.n_rows = self.evicted = self.missed = 0
        self._versions: OrderedDict[Any, tuple[list[float], list[Row | None]]] = OrderedDict()
        self._on = lookup.event_keys
        self._one_key = self._on[0] if len(self._on) == 1 else None
        self._names = lookup.names
        self._fill = None if lookup.missing in ("none", "dead") else lookup.missing
        self._is_dead = lookup.missing == "dead"

    def update(self, key: Any, time_s: float, row: Row | None, *, watermark_s: float = -inf) -> None:
        """Let *row* hold for *key* from *time_s* on; ``None``: there is none from then on.

        What an event at *watermark_s* or later cannot ask for is dropped.
        """
        held = self._versions.get(key)
        if held is None:
            held = self._versions[key] = ([], [])
        else:
            self._versions.move_to_end(key)
        times, rows = held
        i = bisect_right(times, time_s)
        if i and times[i - 1] == time_s:
            rows[i - 1] = row
        else:
            times.insert(i, time_s)
            rows.insert(i, row)
            self.n_rows += 1
        self._drop(key, bisect_right(times, watermark_s) - 1)
        if times and rows[0] is None and times[0] <= watermark_s:  # no row is as good as one that was deleted
            self._drop(key, 1)
        if len(times) > MAX_VERSIONS:
            self._evict(key, len(times) - MAX_VERSIONS)
        while self.n_rows > self.lookup.max_rows:
            oldest = next(iter(self._versions))
            n = len(self._versions[oldest][0])
            self._evict(oldest, n if oldest != key else self.n_rows - self.lookup.max_rows)

    def join(self, x: dict[Any, Any], event_s: float) -> None:
        """Add to *x* the row that holds for it at *event_s*.

        Raises
        ------
        Refusal
            If there is none, and ``missing="dead"``.
        """
        name = self._one_key
        key = x.get(name) if name is not None else tuple([x.get(name) for name in self._on])
        row: Row | None = None
        held = self._versions.get(key)
        if held is not None:
            times, rows = held
            if times[-1] <= event_s:
                row = rows[-1]
            elif i := bisect_right(times, event_s):
                row = rows[i - 1]
        if row is None:
            row = self._absent(key)
        if None not in row:
            x.update(zip(self._names, row, strict=False))
            return
        fill = self._fill
        for field, value in zip(self._names, row, strict=False):
            if value is not None:
                x[field] = value
            elif fill is not None:
                x[field] = fill

    def __len__(self) -> int:
        """Return how many keys are held."""
        return len(self._versions)

    def state(self) -> dict[str, Any]:
        """Return all there is: by key, in the order of their last update, times and rows.

        To be written down before anything changes: these are no copies, which would take long.
        """
        return {"rows": self._versions, "evicted": self.evicted, "missed": self.missed}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` returned; lists may stand for tuples."""
        self._versions = OrderedDict(
            (key, (list(times), [row and tuple(row) for row in rows]))
            for key, (times, rows) in state["rows"].items()
        )
        self.n_rows = sum(len(times) for times, _ in self._versions.values())
        self.evicted, self.missed = state["evicted"], state["missed"]

    def _absent(self, key: Any) -> Row:
        self.missed += 1
        if self._is_dead:
            raise Refusal(
                "lookup",
                f"expected a row of {self.lookup.topic.name} for {key!r}, found none",
                f"$.{self._on[0]}",
            )
        return (None,) * len(self._names)

    def _drop(self, key: Any, n: int) -> None:
        """Drop the *n* oldest versions of *key*, and the key if none is left."""
        if n <= 0:
            return
        times, rows = self._versions[key]
        del times[:n], rows[:n]
        self.n_rows -= n
        if not times:
            del self._versions[key]

    def _evict(self, key: Any, n: int) -> None:
        self._drop(key, n)
        self.evicted += n
