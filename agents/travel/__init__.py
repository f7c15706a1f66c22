"""Time travel: a log that is kept can be folded again, in part, otherwise, or without some of its records."""

from __future__ import annotations
