"""How the models of a fold stand at this moment: what `headrace model ls` shows."""

from __future__ import annotations

import msgspec

from headrace.memory import Memory
from headrace.models.verbs import last_step


class Standing(msgspec.Struct, frozen=True):
    """One model: ``kind`` is the class that answers, ``is_member`` whether its answer is combined."""

    name: str
    kind: str
    is_member: bool
    is_frozen: bool
    is_disabled: bool

    @property
    def state(self) -> str:
        """In a word: ``works``, ``frozen`` or ``disabled``."""
        return "disabled" if self.is_disabled else "frozen" if self.is_frozen else "works"


def standings(memory: Memory) -> list[Standing]:
    """Return how each model stands, in the order in which they work; then external steps."""
    outside = () if memory.outside is None else memory.outside.names
    return [
        Standing(
            name,
            "External" if name in outside else type(last_step(memory.models[name])).__name__,
            name in memory.members,
            name in memory.orders.frozen,
            name in memory.orders.disabled,
        )
        for name in (*memory.names, *outside)
    ]
