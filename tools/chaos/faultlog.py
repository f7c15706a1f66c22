"""What was done to whom, and when: a line of JSON each, written at once."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple


class Fault(NamedTuple):
    """One thing that was done; *at* is seconds since 1970, *partitions* what the worker held."""

    at: float
    kind: str
    pid: int
    partitions: tuple[int, ...] = ()
    detail: str = ""


class FaultLog:
    """The faults of a run, in order."""

    def __init__(self, path: Path) -> None:
        self.faults: list[Fault] = []
        self._path = path

    def note(
        self,
        kind: str,
        pid: int = 0,
        *,
        at: float | None = None,
        partitions: tuple[int, ...] = (),
        detail: str = "",
    ) -> Fault:
        """Write down that *kind* happens now, or happened *at* a time."""
        fault = Fault(time.time() if at is None else at, kind, pid, partitions, detail)
        self.faults.append(fault)
        with self._path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({**fault._asdict(), "monotonic": time.monotonic()}) + "\n")
        return fault

    def counts(self) -> Counter[str]:
        """Return how often each kind happened."""
        return Counter(fault.kind for fault in self.faults)
