"""What the command line of the demo says."""

from __future__ import annotations

import msgspec


class Options(msgspec.Struct, frozen=True):
    """How scenes are shown; ``bootstrap`` is ``None`` for a Kafka of the demo's own.

    ``delivery`` is that of the workers, ``None`` for what the settings say.
    """

    bootstrap: str | None
    keep: bool
    chaos: bool = False
    delivery: str | None = None
