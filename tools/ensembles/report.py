"""The tables of ``docs/ensembles.md``."""

from __future__ import annotations

from collections.abc import Mapping

from tools.ensembles.measure import DEFAULT, Result

WITHIN_POINTS = 0.5
"""So far below its best member in hindsight the default combination may be."""


def tables(results: Mapping[str, Result]) -> list[str]:
    """Return the lines of two tables: members, then combinations, with accuracies in percent."""
    first = next(iter(results.values()))
    lines = _head(
        "stream", "events", *first.members, "best", "mean", *(f"weight of {m}" for m in first.members)
    )
    for name, result in results.items():
        shown = [*result.members.values(), result.best, result.mean]
        lines.append(
            _line(name, f"{result.n:,}", *_percent(shown), *(f"{w:.2f}" for w in result.weights.values()))
        )
    lines += ["", *_head("stream", *first.combined)]
    for name, result in results.items():
        lines.append(
            _line(
                name,
                *(
                    f"{c:.2f} ({p:+.2f})"
                    for c, p in zip(
                        (v * 100 for v in result.combined.values()), points(result).values(), strict=True
                    )
                ),
            )
        )
    return lines


def points(result: Result) -> dict[str, float]:
    """Return by how many points each combination is above the best member in hindsight."""
    return {name: (value - result.best) * 100 for name, value in result.combined.items()}


def broken(results: Mapping[str, Result]) -> list[str]:
    """Return what the default combination does not keep, one line each."""
    lines = []
    for name, result in results.items():
        if (behind := -points(result)[DEFAULT]) > WITHIN_POINTS:
            lines.append(f"* {name}: {DEFAULT} is {behind:.2f} points below its best member")
        if (value := result.combined[DEFAULT]) <= result.mean:
            lines.append(
                f"* {name}: {DEFAULT}, {value:.2%}, is no better than the mean member, {result.mean:.2%}"
            )
    return lines


def _percent(values: list[float]) -> list[str]:
    return [f"{value * 100:.2f}" for value in values]


def _head(first: str, *others: str) -> list[str]:
    return [_line(first, *others), "|---|" + "---:|" * len(others)]


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
