"""What a window declares: checked, named, and turned into a measure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from math import inf
from typing import Literal, Protocol, TypeAlias, get_args

from headrace.errors import DeclarationError
from headrace.features import measures, recent, values
from headrace.features.measures import Measure

Kind: TypeAlias = Literal["sliding", "tumbling"]

_HOWS = ("count", "sum", "mean", "min", "max", "var", "std", "distinct", "last", "since_last")
_PERCENTILE = re.compile(r"p(\d{1,2})(?:\.(\d))?")
_BOUNDS = (("parts", 1_000), ("max_keys", 10_000_000), ("max_values", 100_000))
_MOST_EVENTS = 100_000


class Declared(Protocol):
    """The arguments of a `headrace.Window`."""

    on: str | None
    by: str | tuple[str, ...] | list[str] | None
    how: str
    size_s: float | None
    count: int | None
    kind: Kind
    missing: float | str | None
    parts: int
    max_keys: int
    max_values: int
    name: str | None


def checked(window: Declared) -> None:
    """Refuse what cannot be measured.

    Raises
    ------
    DeclarationError
        Naming the argument and the remedy.
    """
    how, on = window.how, window.on
    if not isinstance(how, str) or (how not in _HOWS and not per_mille(how)):
        raise DeclarationError(
            "how",
            f"unknown statistic {how!r}",
            why=f"known: {', '.join(_HOWS)}, p50, p99.9",
            fix="how='mean'",
        )
    if on is None and how not in ("count", "since_last"):
        raise DeclarationError("on", f"{how!r} needs values to measure", fix="Window('amount', ...)")
    named_wrongly = [name for name in (*groups_of(window), on, window.name) if not _is_name(name)]
    if named_wrongly:
        argument = "on" if on in named_wrongly else "name" if window.name in named_wrongly else "by"
        raise DeclarationError(
            argument, f"expected a name, got {named_wrongly[0]!r}", fix=f"{argument}='amount'"
        )
    _check_extent(window)
    for argument, most in _BOUNDS:
        _require_whole(argument, getattr(window, argument), most)
    if isinstance(window.missing, bool) or not isinstance(window.missing, int | float | str | None):
        raise DeclarationError(
            "missing", f"expected a number or a text, got {window.missing!r}", fix="missing=0.0"
        )


def _check_extent(window: Declared) -> None:
    size_s, count = window.size_s, window.count
    if window.kind not in get_args(Kind):
        raise DeclarationError(
            "kind", f"expected 'sliding' or 'tumbling', got {window.kind!r}", fix="kind='sliding'"
        )
    if size_s is not None and (
        isinstance(size_s, bool) or not isinstance(size_s, int | float) or not 0 < size_s < inf
    ):
        raise DeclarationError("size_s", f"expected seconds above 0, got {size_s!r}", fix="size_s=3600")
    if window.kind == "tumbling" and size_s is None:
        raise DeclarationError("size_s", "a tumbling window needs a width", fix="size_s=3600")
    if count is None:
        return
    _require_whole("count", count, _MOST_EVENTS)
    if size_s is not None:
        raise DeclarationError(
            "count", "a window holds a time or a number of events, not both", fix="leave size_s or count out"
        )
    if window.how in ("count", "last", "since_last"):
        raise DeclarationError(
            "count", f"{window.how!r} of the last {count} events says nothing", fix="size_s=3600"
        )


def _require_whole(argument: str, given: object, most: int) -> None:
    if type(given) is not int or not 1 <= given <= most:
        raise DeclarationError(
            argument, f"expected a whole number from 1 to {most:,}, got {given!r}", fix=f"{argument}=100"
        )


def _is_name(name: object) -> bool:
    return name is None or (isinstance(name, str) and bool(name))


def groups_of(window: Declared) -> tuple[str, ...]:
    """Return the fields that tell keys apart."""
    by = window.by
    if by is None:
        return ()
    return tuple(by) if isinstance(by, tuple | list) else (by,)


def per_mille(how: str) -> int:
    """Return which quantile ``"p50"`` means, in thousandths; 0 if it is none."""
    found = _PERCENTILE.fullmatch(how)
    return 0 if found is None else int(found[1]) * 10 + int(found[2] or 0)


def takes_any(window: Declared) -> bool:
    """Return whether the values may be texts."""
    return window.on is None or window.how in ("count", "distinct", "last", "since_last")


def reads_time(window: Declared) -> bool:
    """Return whether what the window says depends on the time of events."""
    return window.size_s is not None or window.how == "since_last"


def name_of(window: Declared) -> str:
    """Return the name of the feature."""
    if window.name is not None:
        return window.name
    extent = window.count if window.size_s is None else f"{window.size_s:g}s"
    words = [window.on, window.how, extent]
    named = "_".join(str(word) for word in words if word is not None)
    groups = groups_of(window)
    return f"{named}_by_{'_and_'.join(groups)}" if groups else named


def width_of(window: Declared) -> float:
    """Return the width of a place in seconds; 0 if all events have the same place."""
    if window.size_s is None:
        return 0.0
    return window.size_s if window.kind == "tumbling" else window.size_s / window.parts


def measure_of(window: Declared) -> Measure:
    """Return how the window is measured."""
    if window.count is not None:
        return _measure_of_events(window.count, window.how)
    parts = window.parts if window.size_s is not None and window.kind == "sliding" else 1
    if window.how in ("last", "since_last"):
        size_s = inf if window.size_s is None else window.size_s
        return values.Last(size_s, tumbling=window.kind == "tumbling", since=window.how == "since_last")
    if q := per_mille(window.how):
        return values.Quantile(parts, window.max_values, q)
    if window.how == "distinct":
        return values.Distinct(parts, window.max_values)
    return _BUCKETS[window.how](parts)


def _measure_of_events(n: int, how: str) -> Measure:
    if q := per_mille(how):
        return values.Quantile(1, n, q)
    if how == "distinct":
        return recent.RecentDistinct(n)
    if how in ("var", "std"):
        return recent.RecentVariance(n, root=how == "std")
    if how in ("sum", "mean"):
        return recent.Recent(n, operator.add, share=how == "mean")
    return recent.Recent(n, min if how == "min" else max)


_BUCKETS: dict[str, Callable[[int], Measure]] = {
    "count": measures.Count,
    "sum": measures.Sum,
    "mean": measures.Mean,
    "min": lambda parts: measures.Extreme(parts, min),
    "max": lambda parts: measures.Extreme(parts, max),
    "var": lambda parts: measures.Variance(parts, root=False),
    "std": lambda parts: measures.Variance(parts, root=True),
}
