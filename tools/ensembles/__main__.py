"""``python -m tools.ensembles [--routes] [--into FILE]``: the tables of ``docs/ensembles.md``.

Exit code 4 if the default combination is not where it should be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from tools.ensembles import report
from tools.ensembles.measure import Result, measured, recorded
from tools.ensembles.routes import Point, alone, costs_us, routed, routes, table
from tools.ensembles.streams import STREAMS, members

ROUTED = ("Agrawal", "Hyperplane", "flights")
N_ROUTED, N_COSTED = 4_000, 1_500
"""Events of each stream that are routed, and from which it is measured what each member costs."""


def main() -> int:
    """Run all and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m tools.ensembles")
    parser.add_argument("--only", choices=STREAMS, action="append", help="this stream; may be repeated")
    parser.add_argument("--into", type=Path, help="write the tables there as well")
    parser.add_argument("--routes", action="store_true", help="accuracy against cost, in place of ensembles")
    options = parser.parse_args()
    if options.routes:
        return _write(_routes(options.only or ROUTED), options.into)
    results: dict[str, Result] = {}
    for name in options.only or STREAMS:
        results[name] = measured(recorded(members(name), STREAMS[name]()))
        sys.stderr.write(f"{name}\n")
    broken = report.broken(results)
    _write([*report.tables(results), "", *broken], options.into)
    return 4 if broken else 0


def _routes(streams: Iterable[str]) -> list[str]:
    results: dict[str, dict[str, Point]] = {}
    for name in streams:
        events = [*islice(STREAMS[name](), N_ROUTED)]
        cost = costs_us(members(name), events[:N_COSTED])
        points = alone(members(name), events, cost)
        for kind, route in routes(cost).items():
            points[kind] = routed(members(name), events, route.fresh([*cost]), route.seed)
            sys.stderr.write(f"{name}: {kind}\n")
        results[name] = points
    return table(results)


def _write(lines: list[str], into: Path | None) -> int:
    text = "\n".join(lines) + "\n"
    sys.stdout.write(text)
    if into is not None:
        into.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
