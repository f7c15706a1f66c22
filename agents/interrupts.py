"""Ctrl-C and SIGTERM at any moment: one orderly way out, and no process left behind."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, Self, TypeVar

import psutil

T = TypeVar("T")


class Interrupts:
    """Turns the first SIGINT, SIGTERM or SIGHUP into one `KeyboardInterrupt`, anywhere in the main thread.

    From then on nothing interrupts the cleaning up; a second signal kills all children, which hurries it.
    When the block ends, no child process is left, whatever was interrupted.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._cancel: Callable[[], object] | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        self.number = self.number or 0  # too late to interrupt anything
        kill_children()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if self.number is not None:
            kill_children()
            return
        self.number = number
        if self._cancel is None:
            raise KeyboardInterrupt
        self._cancel()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run *work* in an event loop; a signal cancels it, and what it has opened gets closed.

        Raises
        ------
        KeyboardInterrupt
            If a signal came.
        """

        async def main() -> T:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - asyncio.run made it
            loop = asyncio.get_running_loop()
            self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
            try:
                return await work
            finally:
                self._cancel = None

        try:
            return asyncio.run(main())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def kill_children() -> None:
    """Kill every child process of this one, and theirs."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(children, timeout=5)
