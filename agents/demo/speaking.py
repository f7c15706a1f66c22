"""How the demo says what it does before and after a scene: in columns to people, in lines to programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from agents.demo.views import LINE_INTERVAL_S


class Speaker:
    """Says things on *console*."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, what: str, text: str) -> None:
        """Print *text* beside *what* it is about."""
        if not self.console.is_terminal:
            self.console.print(f"{what:9} {text}", markup=False, soft_wrap=True)
            return
        grid = Table.grid(padding=(0, 1))
        grid.add_column(min_width=9)
        grid.add_row(what, Text(text))
        self.console.print(grid)

    @contextmanager
    def busy(self, text: str) -> Iterator[Callable[[str], None]]:
        """Show that something takes time; yield where to tell how it goes."""
        if self.console.is_terminal:
            with self.console.status(f"{text} ...") as status:
                yield status.update
        else:
            self.say("", f"{text} ...")
            yield _at_most_every(LINE_INTERVAL_S, lambda more: self.say("", more))


def _at_most_every(interval_s: float, tell: Callable[[str], None]) -> Callable[[str], None]:
    told_at = time.monotonic()

    def told(text: str) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= interval_s:
            told_at = time.monotonic()
            tell(text)

    return told
