"""What can be done to workers; each notes its fault and returns at once unless it says otherwise."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import NamedTuple

from tools.chaos.arena import Arena
from tools.chaos.faultlog import Fault

FIRES_S = 240.0
"""A failpoint has to be reached within so long after its worker was started."""

TRIES = 3
"""A busy machine may take a worker out of its group before it comes to its failpoint: then once more."""


def victim(made: Arena, choice: float) -> int:
    """Return the slot of a worker that holds partitions; *choice* of 0 to 1 says which."""
    made.until(lambda: _busy(made), "a worker holds partitions")
    slots = _busy(made)
    return slots[min(len(slots) - 1, int(choice * len(slots)))]


def _busy(made: Arena) -> list[int]:
    return [slot for slot in made.fleet.slots() if made.fleet.partitions(slot)]


def kill(made: Arena, choice: float) -> Fault:
    """SIGKILL a worker in whatever it does; another one is started."""
    slot = victim(made, choice)
    held = tuple(made.fleet.partitions(slot))
    return made.faults.note("kill_worker", made.fleet.kill(slot), partitions=held)


def terminate(made: Arena, choice: float) -> Fault:
    """SIGTERM a worker; another one is started."""
    slot = victim(made, choice)
    held = tuple(made.fleet.partitions(slot))
    return made.faults.note("terminate_worker", made.fleet.terminate(slot), partitions=held)


def fail_at(made: Arena, points: Mapping[str, int]) -> list[Fault]:
    """Start a worker for each of *points*, which kills itself the *n*-th time it comes to that point.

    Returns after the end of all. For ``in_revoke`` another worker is ended once this one holds partitions:
    that makes a rebalance.
    """
    left = dict(points)
    found: list[Fault] = []
    for _ in range(TRIES):
        armed = [arm(made, point, nth) for point, nth in left.items()]
        for one in armed:
            if one.point == "in_revoke":
                _make_rebalance(made, one)
        names = ", ".join(left)
        made.until(lambda: all(_ended(made, one) for one in armed), f"{names} reached", FIRES_S)  # noqa: B023
        for one in armed:
            if has_fired(made, one):
                found.append(made.faults.faults[-1])
                del left[one.point]
        if not left:
            return found
    raise RuntimeError(
        f"{TRIES} workers each ended without coming to {', '.join(left)}: {made.fleet.ended[-1]}"
    )


def _make_rebalance(made: Arena, armed: Armed) -> None:
    """End another worker once this one holds partitions, if it has not come to its end by then."""
    made.until(
        lambda: _ended(made, armed) or made.fleet.partitions(armed.slot), "a worker holds partitions", FIRES_S
    )
    if not _ended(made, armed):
        others = [slot for slot in _busy(made) if slot in made.fleet.wanted and slot != armed.slot]
        made.fleet.terminate(others[0])


def pause(made: Arena, choice: float) -> Fault:
    """SIGSTOP a worker; `Fleet.resume` lets it go on."""
    slot = victim(made, choice)
    held = tuple(made.fleet.partitions(slot))
    return made.faults.note("pause_worker", made.fleet.pause(slot), partitions=held, detail=f"slot {slot}")


def join(made: Arena) -> int:
    """Start one more worker; return its slot."""
    slot = _free_slot(made)
    made.faults.note("join", made.fleet.start(slot), detail=f"slot {slot}")
    return slot


def leave(made: Arena, slot: int) -> Fault:
    """Let the worker in *slot* go for good."""
    held = tuple(made.fleet.partitions(slot))
    return made.faults.note("leave", made.fleet.dismiss(slot), partitions=held, detail=f"slot {slot}")


def any_slot(made: Arena, choice: float) -> int | None:
    """Return the slot of a worker, one that holds partitions if any does; ``None`` if none runs."""
    slots = _busy(made) or made.fleet.slots()
    return slots[min(len(slots) - 1, int(choice * len(slots)))] if slots else None


def kill_any(made: Arena, choice: float) -> None:
    """SIGKILL a worker, if any runs; another one is started."""
    if (slot := any_slot(made, choice)) is not None:
        held = tuple(made.fleet.partitions(slot))
        made.faults.note("kill_worker", made.fleet.kill(slot), partitions=held)


def terminate_any(made: Arena, choice: float) -> None:
    """SIGTERM a worker, if any runs; another one is started."""
    if (slot := any_slot(made, choice)) is not None:
        held = tuple(made.fleet.partitions(slot))
        made.faults.note("terminate_worker", made.fleet.terminate(slot), partitions=held)


def pause_any(made: Arena, choice: float) -> int | None:
    """SIGSTOP a worker, if any runs; return its slot."""
    slot = any_slot(made, choice)
    if slot is not None:
        held = tuple(made.fleet.partitions(slot))
        made.faults.note("pause_worker", made.fleet.pause(slot), partitions=held, detail=f"slot {slot}")
    return slot


class Armed(NamedTuple):
    """A worker that will kill itself at a failpoint."""

    slot: int
    pid: int
    point: str
    nth: int


def arm(made: Arena, point: str, nth: int) -> Armed:
    """Start one more worker that kills itself at the *nth* time *point* is reached."""
    slot = _free_slot(made)
    pid = made.fleet.start(slot, HEADRACE_FAILPOINT=f"{point}:{nth}")
    made.fleet.expect_end(slot, f"failpoint {point}")
    made.fleet.wanted.discard(slot)
    return Armed(slot, pid, point, nth)


def has_fired(made: Arena, armed: Armed) -> bool:
    """Whether it killed itself; that is noted as a fault."""
    ended = [
        one
        for one in made.fleet.ended
        if one.pid == armed.pid and one.code == -signal.SIGKILL and one.why.startswith("failpoint")
    ]
    if ended:
        lines = [line for line in made.fleet.said if line.pid == armed.pid and line.event == "assigned"]
        held = tuple(lines[-1].fields["partitions"]) if lines else ()
        made.faults.note(
            "failpoint", armed.pid, at=ended[0].at, partitions=held, detail=f"{armed.point}:{armed.nth}"
        )
    return bool(ended)


def _ended(made: Arena, armed: Armed) -> bool:
    return any(one.pid == armed.pid for one in made.fleet.ended)


def leave_if_there(made: Arena, slot: int) -> None:
    """Let the worker in *slot* go for good, if it still runs."""
    if slot in made.fleet.slots():
        leave(made, slot)
    made.fleet.wanted.discard(slot)


def _free_slot(made: Arena) -> int:
    taken = made.fleet.wanted | set(made.fleet.slots())
    return next(n for n in range(1, 20) if n not in taken)
