"""One set of models per record key: found by key, bounded by the order of last use, written down in parts."""

from __future__ import annotations
