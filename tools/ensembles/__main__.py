"""``python -m tools.ensembles [--into FILE]``: the tables of ``docs/ensembles.md``.

Exit code 4 if the default combination is not where it should be.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.ensembles import report
from tools.ensembles.measure import Result, measured, recorded
from tools.ensembles.streams import STREAMS, members


def main() -> int:
    """Run all and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m tools.ensembles")
    parser.add_argument("--only", choices=STREAMS, action="append", help="this stream; may be repeated")
    parser.add_argument("--into", type=Path, help="write the tables there as well")
    options = parser.parse_args()
    results: dict[str, Result] = {}
    for name in options.only or STREAMS:
        results[name] = measured(recorded(members(name), STREAMS[name]()))
        sys.stderr.write(f"{name}\n")
    broken = report.broken(results)
    lines = [*report.tables(results), "", *broken]
    sys.stdout.write("\n".join(lines) + "\n")
    if options.into:
        options.into.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 4 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
