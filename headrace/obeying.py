"""Carries out orders on what a fold knows; what cannot be done is refused before anything has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from headrace.errors import OrderError
from headrace.healing.ward import Ward
from headrace.memory import Memory
from headrace.models.combining.combiner import COMBINE
from headrace.orders import Order
from headrace.referee import Referee

_OUTSIDE = ("disable", "enable", "weight")

MOST_WEIGHT = 1e6
"""No weight is greater: votes are sums of weights, and have to stay finite."""


def require_possible(memory: Memory, order: Order) -> None:
    """Refuse what `carry_out` could not do; nothing changes.

    Raises
    ------
    OrderError
        Saying why.
    """
    if order.action not in _CHECKS:
        raise OrderError(f"a fold cannot {order.action!r}", why=f"it knows {', '.join(_CHECKS)}")
    if order.model or order.action != "demote":
        _require_known(memory, order)
    _CHECKS[order.action](memory, order)


def carry_out(memory: Memory, order: Order) -> None:
    """Do what *order* says.

    Raises
    ------
    OrderError
        If that cannot be done; nothing has changed.
    """
    require_possible(memory, order)
    _ACTS[order.action](memory, order)
    memory.roster.team.obey()


def _require_known(memory: Memory, order: Order) -> None:
    outside = () if memory.outside is None else memory.outside.names
    if order.model in outside and order.action not in _OUTSIDE:
        raise OrderError(
            f"{order.model!r} has no model in the process, it is an external step",
            why=f"what can be done to one: {', '.join(_OUTSIDE)}",
        )
    if order.model not in (*memory.roster.names, *outside):
        raise OrderError(
            f"there is no model {order.model!r}",
            why=f"the pipeline has {', '.join((*memory.roster.names, *outside))}",
            fix="headrace model ls TARGET",
        )


def _freeze(memory: Memory, order: Order) -> None:
    if order.model in memory.orders.frozen:
        raise OrderError(f"model {order.model!r} is frozen already")


def _thaw(memory: Memory, order: Order) -> None:
    if order.model not in memory.orders.frozen:
        raise OrderError(f"there is nothing to thaw: model {order.model!r} learns")


def _disable(memory: Memory, order: Order) -> None:
    name, disabled = order.model, memory.orders.disabled
    if name in disabled:
        raise OrderError(f"model {name!r} is disabled already")
    is_last = name in memory.roster.members and not set(memory.roster.members) - disabled - {name}
    if is_last and not memory.roster.has_fallback:
        raise OrderError(
            f"model {name!r} is the last one that answers",
            why="without it no event would get an answer",
            fix="freeze it, or enable another one first; or fallback=... in the pipeline",
        )


def _enable(memory: Memory, order: Order) -> None:
    if order.model not in memory.orders.disabled:
        raise OrderError(f"model {order.model!r} is not disabled")


def _reset(memory: Memory, order: Order) -> None:
    if memory.roster.keyed is not None:
        raise OrderError(
            f"model {order.model!r} cannot be reset",
            why="each key has one of its own (scope='key')",
            fix="raise the version of the pipeline, or roll back",
        )


def _weight(memory: Memory, order: Order) -> None:
    if order.value is None or not 0.0 <= order.value <= MOST_WEIGHT:
        raise OrderError(f"expected a weight from 0 to {MOST_WEIGHT:g}, got {order.value}")
    if order.model not in memory.roster.members:
        raise OrderError(f"the answer of model {order.model!r} is not combined")
    if memory.roster.keyed is not None:
        raise OrderError("weights cannot be set", why="each key has its own (scope='key')")
    if not hasattr(_combining(memory), "set_weight"):
        raise OrderError(
            "weights cannot be set",
            why="the combination of this pipeline takes none from outside",
            fix="combine=headrace.Weighted(), and the version of the pipeline raised",
        )


def _cost(memory: Memory, order: Order) -> None:
    if order.model not in memory.roster.team.routing.costs:
        raise OrderError(f"no route chooses model {order.model!r}")
    if order.value is None or not isfinite(order.value) or order.value < 0.0:
        raise OrderError(f"expected microseconds, got {order.value}")


def _open(memory: Memory, order: Order) -> None:
    if not _ward(memory, order.model).circuit.allows:
        raise OrderError(f"the circuit of {order.model!r} is open already")


def _ward(memory: Memory, name: str) -> Ward:
    ward = None if memory.roster.circuits is None else memory.roster.circuits.wards.get(name)
    if ward is None:
        raise OrderError(f"model {name!r} has no circuit", why="its step has neither breaker nor deadline")
    return ward


def _compete(memory: Memory, order: Order) -> None:
    _referee(memory).require_possible(order.action, order.model or None)


_CHECKS: Mapping[str, Callable[[Memory, Order], None]] = {
    "freeze": _freeze,
    "thaw": _thaw,
    "disable": _disable,
    "enable": _enable,
    "reset": _reset,
    "weight": _weight,
    "cost": _cost,
    "open": _open,
    "promote": _compete,
    "demote": _compete,
}


_ACTS: Mapping[str, Callable[[Memory, Order], None]] = {
    "freeze": lambda memory, order: memory.orders.frozen.add(order.model),
    "thaw": lambda memory, order: memory.orders.frozen.remove(order.model),
    "disable": lambda memory, order: memory.orders.disabled.add(order.model),
    "enable": lambda memory, order: memory.orders.disabled.remove(order.model),
    "reset": lambda memory, order: memory.roster.reset(order.model),
    "weight": lambda memory, order: _combining(memory).set_weight(order.model, order.value),
    "cost": lambda memory, order: memory.roster.team.routing.cost(order.model, order.value or 0.0),
    "open": lambda memory, order: _ward(memory, order.model).too_slow(order.value),
    "promote": lambda memory, order: _referee(memory).promote(order.model),
    "demote": lambda memory, order: _referee(memory).demote(order.model or None),
}


def _combining(memory: Memory) -> Any:
    """Return what the combination has learned, ``None`` where it learns nothing."""
    return memory.roster.models.get(COMBINE)


def _referee(memory: Memory) -> Referee:
    if memory.referee is None:
        raise OrderError("there is nobody to promote or demote", why="the pipeline has no challengers")
    return memory.referee
