"""``python -m tools.adaptation [--quick] [--into FILE]``: the table of ``docs/adaptation.md``.

Exit code 4 if the default policy broke a promise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tools.adaptation import report
from tools.adaptation.contenders import MODELS, Build, contenders, rivers
from tools.adaptation.flights import flights
from tools.adaptation.measure import Run, run
from tools.adaptation.report import ALONE, DEFAULT, Case
from tools.adaptation.streams import KINDS, N_EVENTS, SOURCES, synthetic

SEEDS = (1, 2, 3)
SLOW = ("LED",)
"""Sources that take a tree a millisecond an event: one seed."""

RIVERS = "river's own"
_EVERY = 8
"""Every so many flights are taken, so that a forest is done in a minute or two."""


def plan(*, quick: bool) -> Iterator[tuple[Case, dict[str, Build], tuple[int, ...], int]]:
    """Yield what is run: the case, the contenders, the seeds and the number of events."""
    for source in SOURCES:
        for kind in KINDS:
            seeds = SEEDS[:1] if quick or source in SLOW else SEEDS
            n = N_EVENTS // 2 if quick else N_EVENTS
            for model in MODELS:
                named = contenders(model)
                if quick:
                    named = {name: named[name] for name in (ALONE, DEFAULT)}
                yield Case(source, kind, model), named, seeds, n
            if not quick:
                yield Case(source, kind, RIVERS), rivers(), SEEDS[:1], n


def main() -> int:
    """Run all and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.adaptation")
    parser.add_argument("--quick", action="store_true", help="one seed, half the events, no rivals")
    parser.add_argument("--into", type=Path, help="write the table there as well")
    options = parser.parse_args()
    results: dict[Case, dict[str, list[Run]]] = {}
    for case, named, seeds, n in plan(quick=options.quick):
        streams = [synthetic(case.source, case.kind, seed, n) for seed in seeds]
        results[case] = {name: [run(build, stream) for stream in streams] for name, build in named.items()}
        _say([*report.table({case: results[case]})[2:]])
    real = flights(every=_EVERY * (4 if options.quick else 1))
    for model in MODELS:
        case = Case("flights", "unknown", model)
        results[case] = {name: [run(build, real)] for name, build in contenders(model).items()}
        _say([*report.table({case: results[case]})[2:]])
    if not options.quick:
        case = Case("flights", "unknown", RIVERS)
        results[case] = {name: [run(build, real)] for name, build in rivers().items()}
    found = report.promises(results)
    lines = [*report.judged(found), "", *report.table(results)]
    _say(["", *lines])
    if options.into:
        options.into.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0 if all(promise.is_kept for promise in found) else 4


def _say(lines: list[str]) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
