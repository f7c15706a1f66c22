"""``python -m tools.adaptation [--quick] [--into FILE]``: the table of ``docs/adaptation.md``.

Exit code 4 if the default policy broke a promise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

from tools.adaptation import report
from tools.adaptation.contenders import MODELS, Build, contenders, rivers
from tools.adaptation.flights import flights
from tools.adaptation.measure import Run, run
from tools.adaptation.report import ALONE, DEFAULT, Case
from tools.adaptation.streams import KINDS, N_EVENTS, SOURCES, Kind, Stream, synthetic

SEEDS = (21, 22, 23)
"""None on which the default policy was made: 1, 2, 3 chose its numbers, 11, 12, 13 showed a fault in it."""
SLOW = ("LED",)
"""Sources that take a tree a millisecond an event: one seed."""

RIVERS = "river's own"
_EVERY = 16
"""Every so many flights are taken, so that a forest is done in a minute or two."""


class Part(NamedTuple):
    """What is run together: contenders over the streams of one case."""

    case: Case
    contenders: dict[str, Build]
    streams: list[Stream]


def parts(*, quick: bool) -> Iterator[Part]:
    """Yield what is run; streams are made when it is their turn."""
    for source, kind in product(SOURCES, KINDS):
        seeds = SEEDS[:1] if quick or source in SLOW else SEEDS
        n = N_EVENTS // 2 if quick else N_EVENTS
        streams = [synthetic(source, kind, seed, n) for seed in seeds]
        yield from _on(source, kind, streams, quick=quick)
    yield from _on("flights", "unknown", [flights(every=_EVERY * (4 if quick else 1))], quick=quick)


def _on(source: str, kind: Kind, streams: list[Stream], *, quick: bool) -> Iterator[Part]:
    for model in MODELS:
        named = contenders(model)
        if quick:
            named = {name: named[name] for name in (ALONE, DEFAULT)}
        yield Part(Case(source, kind, model), named, streams)
    if not quick:
        yield Part(Case(source, kind, RIVERS), rivers(), streams[:1])


def main() -> int:
    """Run all and write the table."""
    parser = argparse.ArgumentParser(prog="python -m tools.adaptation")
    parser.add_argument("--quick", action="store_true", help="one seed, half the events, no rivals")
    parser.add_argument("--into", type=Path, help="write the table there as well")
    options = parser.parse_args()
    results: dict[Case, dict[str, list[Run]]] = {}
    for case, named, streams in parts(quick=options.quick):
        results[case] = {name: [run(build, stream) for stream in streams] for name, build in named.items()}
        _say(report.table({case: results[case]})[2:])
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
