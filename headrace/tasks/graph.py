"""The order of steps that depend on each other, by their names."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping

from headrace.errors import DeclarationError

Needs = Mapping[str, Collection[str]]
"""For each step, in the order of declaration, the steps that have to work before it."""


def ordered(needs: Needs, argument: str = "models") -> tuple[str, ...]:
    """Return the steps so that each comes after what it needs, else as they were declared.

    Parameters
    ----------
    needs
        What each step needs.
    argument
        Where the steps were declared; errors name it.

    Raises
    ------
    DeclarationError
        If a step needs one that there is not, or one that needs it in turn.

    """
    for name, needed in needs.items():
        if unknown := [each for each in needed if each not in needs]:
            raise unknown_step(argument, name, unknown[0], needs)
    order: list[str] = []
    waiting = dict(needs)
    while waiting:
        done = set(order)
        ready = next((name for name, needed in waiting.items() if done.issuperset(needed)), None)
        if ready is None:
            raise _cyclic(argument, waiting)
        order.append(ready)
        del waiting[ready]
    return tuple(order)


def sinks(needs: Needs) -> tuple[str, ...]:
    """Return the steps that no step needs, as they were declared."""
    needed = {each for of in needs.values() for each in of}
    return tuple(name for name in needs if name not in needed)


def unknown_step(argument: str, step: str, name: str, known: Iterable[str]) -> DeclarationError:
    """Return the error that *step* needs a step *name*, and there are only those *known*."""
    others = [each for each in known if each != step]
    near = difflib.get_close_matches(name, others, 1)
    return DeclarationError(
        argument,
        f"{step!r} needs a step {name!r} that is not declared",
        why=f"beside it there are {', '.join(others)}" if others else "it is the only step",
        fix=f"did you mean {near[0]!r}?" if near else "declare it, or correct the name",
    )


def _cyclic(argument: str, waiting: Needs) -> DeclarationError:
    """Return the error that names one cycle in full, from the step of it that was declared first."""
    at = next(iter(waiting))
    path: list[str] = []
    while at not in path:
        path.append(at)
        at = next(name for name in waiting[at] if name in waiting)
    cycle = path[path.index(at) :]
    first = min(cycle, key=list(waiting).index)
    start = cycle.index(first)
    turn = [*cycle[start:], *cycle[:start], first]
    return DeclarationError(
        argument,
        f"steps need each other in a circle: {' -> '.join(reversed(turn))}",
        why="each arrow leads from a step to one that needs its answer, so none could be the first",
        fix="take one of these out of the inputs, of when or of after",
    )
