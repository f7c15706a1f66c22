"""Steps whose work is done outside the process: events wait, bounded, until the answers have come."""

from __future__ import annotations
