"""What a model sees beside the event: windows over the past, rows of lookup tables."""

from __future__ import annotations
