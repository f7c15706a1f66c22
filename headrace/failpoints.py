"""Named points at which a worker kills itself, to show that nothing is lost there; unset, they cost nothing.

``HEADRACE_FAILPOINT=after_produce:3`` is SIGKILL when ``after_produce`` is reached for the third time.
Callers write this, and what runs once per event is `wrapped` where it is made::

    if failpoints.armed:
        failpoints.reach("after_produce")
"""

from __future__ import annotations

import functools
import logging
import os
import signal
from collections.abc import Callable, Mapping
from typing import ParamSpec, TypeVar

from headrace.errors import SettingsError

VARIABLE = "HEADRACE_FAILPOINT"

POINTS = (
    "after_poll",
    "after_decode",
    "before_learn",
    "after_learn",
    "after_produce",
    "before_snapshot_write",
    "during_snapshot_write",
    "after_snapshot_write",
    "after_send_offsets",
    "before_end_transaction",
    "after_end_transaction",
    "in_revoke",
    "in_assign",
    "in_dead_letter",
    "in_command",
    "after_decision",
)
"""All of them, along the way of a chunk."""

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)

armed = False
"""Whether any point is armed; read it as ``failpoints.armed``, for it changes."""

_point = ""
_left = 0


def arm(env: Mapping[str, str], environment: str) -> None:
    """Arm the point that *env* names, if any; a worker calls it once, when it starts.

    Raises
    ------
    SettingsError
        If there is no such point, or *environment* is production.
    """
    global armed, _point, _left
    text = env.get(VARIABLE, "")
    if not text:
        armed, _point, _left = False, "", 0
        return
    point, _, nth = text.partition(":")
    if point not in POINTS or not (nth or "1").isdecimal() or int(nth or "1") < 1:
        raise SettingsError(
            f"{VARIABLE} cannot be used",
            why=f"it is {text!r}; known points: {', '.join(POINTS)}",
            fix=f"{VARIABLE}=after_produce:3  for the third time, or unset it",
        )
    refuse_in_production(VARIABLE, environment)
    armed, _point, _left = True, point, int(nth or "1")
    log.warning("failpoint %s armed: this process kills itself when it comes there (%d times)", point, _left)


def refuse_in_production(variable: str, environment: str) -> None:
    """Raise if *environment* is production; *variable* is for tests."""
    if environment == "production":
        raise SettingsError(
            f"{variable} is for tests only",
            why="environment is production",
            fix=f"unset {variable}",
        )


def reach(point: str) -> None:
    """Die here if *point* is armed and this is the time it was armed for."""
    global _left  # noqa: PLW0603 - one process, one point
    if point != _point:
        return
    _left -= 1
    if _left == 0:
        log.warning("failpoint %s reached", point)
        for handler in logging.root.handlers:
            handler.flush()
        os.kill(os.getpid(), signal.SIGKILL)


def wrapped(point: str, function: Callable[P, T], *, after: bool = False) -> Callable[P, T]:
    """Return *function* itself, or, if *point* is armed, one that reaches it before (*after*) each call."""
    if point != _point:
        return function

    @functools.wraps(function)
    def reaching(*args: P.args, **kwargs: P.kwargs) -> T:
        if not after:
            reach(point)
        found = function(*args, **kwargs)
        if after:
            reach(point)
        return found

    return reaching
