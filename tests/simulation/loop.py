"""An event loop without sockets, threads or a clock of its own: time passes when the simulation says so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import Any

OWNER: ContextVar[Any] = ContextVar("owner", default=None)
"""The process a task belongs to; tasks that it starts inherit it."""


class Timer:
    """A call that waits for its time; asyncio asks it for `when`, and may cancel it."""

    __slots__ = ("_args", "_at", "_callback", "_context", "is_cancelled", "owner")

    def __init__(self, at: float, callback: Callable[..., Any], args: tuple[Any, ...], context: Context):
        self._at = at
        self._callback: Callable[..., Any] | None = callback
        self._args = args
        self._context = context
        self.owner = context.get(OWNER)
        self.is_cancelled = False

    def when(self) -> float:
        """Return the time at which it is due."""
        return self._at

    def cancel(self) -> None:
        """Never call."""
        self.is_cancelled = True
        self._callback = None

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self.is_cancelled

    def run(self) -> None:
        """Call, unless cancelled."""
        if self._callback is not None:
            self._context.run(self._callback, *self._args)


class SimLoop(asyncio.AbstractEventLoop):
    """Runs what is ready until nothing is; then whoever drives it decides what happens next.

    Attributes
    ----------
    now
        Virtual seconds.
    errors
        What callbacks and forgotten tasks complained of.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.errors: list[dict[str, Any]] = []
        self._ready: deque[Timer] = deque()
        self._timers: list[Timer] = []

    def reset(self) -> None:
        """Forget everything: the next schedule starts at time 0."""
        self.now = 0.0
        self.errors.clear()
        self._ready.clear()
        self._timers.clear()

    def settle(self) -> None:
        """Run all that is ready, and what becomes ready by it."""
        ready = self._ready
        while ready:
            ready.popleft().run()

    def due(self, is_awake: Callable[[Any], bool]) -> Timer | None:
        """Return the next timer of an owner that is awake, ``None`` if there is none."""
        timers = self._timers = [timer for timer in self._timers if not timer.is_cancelled]
        awake = [timer for timer in timers if timer.owner is None or is_awake(timer.owner)]
        return min(awake, key=Timer.when) if awake else None

    def fire(self, timer: Timer) -> None:
        """Let time pass until *timer* is due, and run it."""
        self._timers.remove(timer)
        self.now = max(self.now, timer.when())
        timer.run()

    def drop_timers_of(self, owner: Any) -> None:
        """Cancel every timer of *owner*."""
        for timer in self._timers:
            if timer.owner is owner:
                timer.cancel()

    def time(self) -> float:
        """Return virtual seconds."""
        return self.now

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> Any:
        timer = Timer(0.0, callback, args, context or copy_context())
        self._ready.append(timer)
        return timer

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        timer = Timer(when, callback, args, context or copy_context())
        self._timers.append(timer)
        return timer

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> Any:
        return self.call_at(self.now + delay, callback, *args, context=context)

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        owner = OWNER.get() if context is None else context.get(OWNER)
        if owner is not None:
            owner.tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:
        """Run at once: a thread is only a way to do something while the loop goes on."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.errors.append(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def __enter__(self) -> SimLoop:
        """Become the running loop of this thread."""
        self._outer = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio._set_running_loop(self._outer)
