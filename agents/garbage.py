"""How often a process that folds looks for cycles of objects that nobody refers to any more."""

from __future__ import annotations

import gc

THRESHOLD = 20_000, 20, 20
"""After so many new objects the young are looked at: with Python's 700 that took a twentieth of the time."""


def collect_rarely() -> None:
    """Leave out what is here now, most of it libraries' own, and look at the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLD)
