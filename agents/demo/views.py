"""Two ways to watch the demo: a panel on a terminal, a line now and then anywhere else."""

from __future__ import annotations

from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live

LINE_INTERVAL_S = 2.0


class Picture(Protocol):
    """A scene at one moment."""

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first record was sent."""
        ...

    @property
    def is_done(self) -> bool:
        """Whether nothing is awaited any more."""
        ...

    def line(self) -> str:
        """Return it as one line of text."""
        ...

    def panel(self) -> RenderableType:
        """Return it as a panel."""
        ...


class View(Protocol):
    """Shows how a scene goes."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_: object) -> None: ...
    def update(self, picture: Picture) -> None:
        """Show *picture*."""
        ...

    def note(self, text: str) -> None:
        """Say something that stays."""
        ...


class PanelView:
    """A panel that is redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False, redirect_stderr=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, picture: Picture) -> None:
        """Redraw the panel."""
        self._live.update(picture.panel(), refresh=True)

    def note(self, text: str) -> None:
        """Print *text* above the panel."""
        self._console.print(text, markup=False)


class LineView:
    """A plain line every `LINE_INTERVAL_S`, and one at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._shown_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def update(self, picture: Picture) -> None:
        """Print a line if it is time."""
        if picture.is_done or picture.elapsed_s - self._shown_at >= LINE_INTERVAL_S:
            self._shown_at = picture.elapsed_s
            self.note(picture.line())

    def note(self, text: str) -> None:
        """Print *text*."""
        self._console.print(text, markup=False, soft_wrap=True)


def view_on(console: Console) -> View:
    """Return the view that suits *console*."""
    return PanelView(console) if console.is_terminal else LineView(console)
