"""A transformer with a fault that can be called up: what is the matter with it is a field of the event."""

from __future__ import annotations

import time
from math import nan
from typing import Any

from river import base

RAISES = "raises"
NAN = "nan"
SLOW = "slow"

SLOW_MS = 20.0

FIELD = "glitch"
"""No real pipeline would have it; as the event carries it, a replay meets the same faults."""


class Glitching(base.Transformer):
    """Passes features on, and fails where the event says so.

    It raises, or all that it passes on is NaN, or it takes `SLOW_MS` milliseconds.
    """

    def transform_one(self, x: dict[Any, Any]) -> dict[Any, Any]:
        """Return the features without the field `FIELD`.

        Raises
        ------
        ValueError
            If the event asks for it.
        """
        glitch = x.get(FIELD)
        if glitch == RAISES:
            raise ValueError("sabotaged: the scaler lost its calibration")
        if glitch == SLOW:
            time.sleep(SLOW_MS / 1e3)
        return {name: nan if glitch == NAN else value for name, value in x.items() if name != FIELD}
