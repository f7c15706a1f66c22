"""How the models of a fold stand at this moment: what `headrace model ls` shows."""

from __future__ import annotations

import msgspec

from headrace.memory import Memory
from headrace.models.verbs import last_step
from headrace.tasks.circuit import CircuitState


class Standing(msgspec.Struct, frozen=True):
    """One model.

    ``kind`` is the class that answers. ``role``: ``member`` if its answer is combined, ``step`` if others
    take it as input, ``challenger``, or ``champion`` once one has won. ``circuit`` is the state of its
    breaker, if it has one; ``weight`` what it counts where that is learned.
    """

    name: str
    kind: str
    role: str
    is_frozen: bool
    is_disabled: bool
    circuit: CircuitState | None = None
    weight: float | None = None

    @property
    def state(self) -> str:
        """In a word: ``works``, ``frozen``, ``disabled``, or that its circuit is not closed."""
        if self.is_disabled or self.is_frozen:
            return "disabled" if self.is_disabled else "frozen"
        return "works" if self.circuit in (None, "closed") else f"circuit {self.circuit}".replace("_", " ")


def standings(memory: Memory) -> list[Standing]:
    """Return how each model stands, in the order in which they work; then external steps."""
    outside = () if memory.outside is None else memory.outside.names
    wards = {} if memory.roster.circuits is None else memory.roster.circuits.wards
    shares = memory.roster.contributions() or {}
    return [
        Standing(
            name,
            "External" if name in outside else type(last_step(memory.roster.models[name])).__name__,
            _role(memory, name),
            name in memory.orders.frozen,
            name in memory.orders.disabled,
            wards[name].circuit.state if name in wards else None,
            shares[name].weight if name in shares else None,
        )
        for name in (*memory.roster.names, *outside)
    ]


def _role(memory: Memory, name: str) -> str:
    if memory.referee is not None and name in memory.referee.contest.shares:
        return "champion" if memory.referee.contest.champion == name else "challenger"
    return "member" if name in memory.roster.members else "step"
