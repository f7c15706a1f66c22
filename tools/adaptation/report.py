"""The table of ``docs/adaptation.md``, made of runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import NamedTuple, TypeAlias

from tools.adaptation.measure import Run
from tools.adaptation.streams import Kind

LOSS_POINTS = 0.5
"""The default policy may lose so much where nothing changes."""

ALONE, DEFAULT = "none", "background"


class Case(NamedTuple):
    """A stream and the model that is asked on it."""

    source: str
    kind: Kind
    model: str


Results: TypeAlias = Mapping[Case, Mapping[str, list[Run]]]
"""For each contender the runs over all seeds."""


def table(results: Results) -> list[str]:
    """Return the lines of the table: each case, then each contender on it."""
    lines = [
        "| stream | change | model | policy | accuracy | 500 after | false | delay | missed | us/event |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, runs in results.items():
        lines += [_line(case, name, of) for name, of in runs.items()]
    return lines


def _line(case: Case, name: str, runs: list[Run]) -> str:
    cells = [
        *(case.source, case.kind, case.model, name),
        _shown((run.overall * 100 for run in runs), ".2f"),
        _shown((run.after * 100 if run.after is not None else None for run in runs), ".1f"),
        _shown((run.n_false for run in runs), ".1f"),
        _shown((run.delay for run in runs), ".0f"),
        _shown((run.missed for run in runs), ".1f"),
        _shown((run.us_per_event for run in runs), ".0f"),
    ]
    return f"| {' | '.join(cells)} |"


def _shown(values: Iterable[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    return format(fmean(known), form) if known else "-"


class Promise(NamedTuple):
    """What the default policy gains over the model alone, in points, and whether that is enough."""

    case: Case
    run: int
    points: float
    is_kept: bool


def promises(results: Results) -> list[Promise]:
    """Return for each run whether the default policy does what it has to.

    Without a change it must not lose more than `LOSS_POINTS`; after an abrupt one it must win.
    """
    found = []
    for case, runs in results.items():
        if case.kind not in ("none", "abrupt") or DEFAULT not in runs:
            continue
        for number, (alone, ours) in enumerate(zip(runs[ALONE], runs[DEFAULT], strict=True), 1):
            if ours.after is not None and alone.after is not None:
                points = (ours.after - alone.after) * 100
                found.append(Promise(case, number, points, points > 0.0))
            else:
                points = (ours.overall - alone.overall) * 100
                found.append(Promise(case, number, points, points >= -LOSS_POINTS))
    return found


def judged(found: list[Promise]) -> list[str]:
    """Return what there is to say about *found*: the sums, and each promise that was not kept."""
    lines = []
    for kind, said in (("none", "loses no more than 0.5 points"), ("abrupt", "wins in the 500 events after")):
        these = [promise for promise in found if promise.case.kind == kind]
        if these:
            kept = sum(promise.is_kept for promise in these)
            least = min(promise.points for promise in these)
            mean = fmean(promise.points for promise in these)
            shown = f"mean {mean:+.2f}, least {least:+.2f} points"
            lines.append(f"* change {kind}: {said} in {kept} of {len(these)} runs; {shown}")
    lines += [
        f"* not kept: {p.case.source}, {p.case.kind}, {p.case.model}, run {p.run}: {p.points:+.2f} points"
        for p in found
        if not p.is_kept
    ]
    return lines
