"""What a pipeline declares of its metrics."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any, TypeAlias

from headrace.errors import DeclarationError
from headrace.scores.kinds import MetricFactory
from schemas.results import Label

Declared: TypeAlias = MetricFactory | tuple[str, MetricFactory]

SAMPLE_EVERY = 10
"""Of a dear metric one event in so many counts, unless it is declared ``exact``."""

PANES_PER_WINDOW_S = 10
"""A window of event time is true to such a part of its length."""

_MOST_CELLS = 10_000
_MOST_SEGMENTS = 1_000


class Metrics:
    """What is measured of a pipeline's models, and how often it is said.

    Parameters
    ----------
    *metrics
        Classes of river's metrics, or factories that take nothing; ``("name", factory)`` where two would have
        one name. None: those that suit the task.
    by
        A feature, of which each value has scores of its own, such as ``"carrier"``.
    segments
        How many values of *by* at most, first come, first served; the rest are scored together, "(other)".
    windows
        Lengths of windows in events that have a label. Each is a multiple of *every*, or divides it.
    windows_s
        Lengths of windows of event time, in seconds; such a window ends with the newest event, and its length
        is true to a tenth.
    every
        Labels between two reports.
    exact
        Whether dear metrics, those that cannot be had from shared counts, see every event, not one in ten.
    positive
        The label that binary metrics and calibration ask for; also 1 where labels are 0 and 1.

    Raises
    ------
    DeclarationError
        If a number is out of range.

    """

    def __init__(  # noqa: PLR0913 - a declaration: all but the metrics is keyword-only
        self,
        *metrics: Declared,
        by: str | None = None,
        segments: int = 20,
        windows: Iterable[int] = (1_000,),
        windows_s: Iterable[float] = (),
        every: int = 1_000,
        exact: bool = False,
        positive: Label = True,
    ) -> None:
        self.metrics = metrics
        self.by = by
        self.segments = _whole("segments", segments, _MOST_SEGMENTS)
        self.every = _whole("every", every, 10_000_000)
        self.windows = _checked_windows(windows, self.every)
        self.windows_s = _checked_windows_s(windows_s)
        self.exact = exact
        self.positive = positive
        _check_bounded(self)


def _whole(argument: str, given: object, most: int) -> int:
    if type(given) is not int or not 1 <= given <= most:
        raise DeclarationError(
            "metrics",
            f"{argument} must be a whole number from 1 to {most:,}, got {given!r}",
            fix=f"headrace.Metrics({argument}={min(1_000, most)})",
        )
    return given


def _checked_windows(windows: Iterable[int], every: int) -> tuple[int, ...]:
    found = tuple(_whole("windows", n, 10_000_000) for n in _several("windows", windows))
    for n in found:
        if n % every and every % n:
            raise DeclarationError(
                "metrics",
                f"a window of {n:,} events does not fit reports every {every:,}",
                why="the one must be a multiple of the other, so that each report sees whole windows",
                fix=f"windows=({max(n // every, 1) * every},)",
            )
    return _distinct("windows", found)


def _checked_windows_s(windows_s: Iterable[float]) -> tuple[float, ...]:
    found = _several("windows_s", windows_s)
    for s in found:
        if isinstance(s, bool) or not isinstance(s, int | float) or not isfinite(s) or not 1.0 <= s <= 1e10:
            raise DeclarationError(
                "metrics",
                f"a window of event time has 1 to 1e10 seconds, got {s!r}",
                fix="headrace.Metrics(windows_s=(3600.0,))",
            )
    return _distinct("windows_s", tuple(map(float, found)))


def _several(argument: str, given: Any) -> tuple[Any, ...]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise DeclarationError(
            "metrics", f"{argument} must be several numbers, got {given!r}", fix=f"{argument}=({given!r},)"
        )
    return tuple(given)


def _distinct(argument: str, given: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(given)) < len(given):
        raise DeclarationError(
            "metrics", f"{argument} names a window twice: {given!r}", fix="leave one of them out"
        )
    return given


def _check_bounded(given: Metrics) -> None:
    panes = sum(max(n // given.every, 1) for n in given.windows) + PANES_PER_WINDOW_S * len(given.windows_s)
    cells = (1 + panes) * (given.segments + 2 if given.by else 1)
    if cells > _MOST_CELLS:
        raise DeclarationError(
            "metrics",
            f"windows and segments would take {cells:,} tallies a model, more than {_MOST_CELLS:,}",
            why="each window is made of panes as long as the time between reports, in each segment",
            fix="fewer segments, shorter windows, or a greater every",
        )
