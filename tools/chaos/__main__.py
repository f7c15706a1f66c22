"""``python3 dev.py chaos``: the soak, or the hunt for mutants."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from headrace.mutants import MUTANTS
from tools.chaos import mutants, report, soak

BROKEN = 4


def _arguments(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python3 dev.py chaos", description="Disturb a pipeline, and judge it."
    )
    parser.add_argument("--minutes", type=float, default=30.0, help="with the nemesis; default: 30")
    parser.add_argument("--seed", type=int, help="of records and faults; default: any, and it is told")
    parser.add_argument("--delivery", choices=["at_least_once", "exactly_once"], default="at_least_once")
    parser.add_argument("--rate", type=float, default=300.0, help="records per second; default: 300")
    parser.add_argument(
        "--report", type=Path, metavar="PAGE", help="write what it showed into this Markdown page"
    )
    parser.add_argument("--folder", type=Path, help="for logs; default: .headrace/chaos-DELIVERY-SEED")
    parser.add_argument(
        "--mutants",
        nargs="*",
        choices=list(MUTANTS),
        metavar="NAME",
        help="no soak: seed each known bug, or those named, and see whether it is noticed",
    )
    return parser.parse_args(words)


def main(words: Sequence[str]) -> int:
    """Run as the command line says; return the exit code."""
    signal.signal(signal.SIGTERM, _end)
    given = _arguments(words)
    if given.mutants is not None:
        return _hunt(given.mutants or list(MUTANTS), given.folder or Path(".headrace/chaos-mutants"))
    seed = random.randrange(10_000) if given.seed is None else given.seed  # noqa: S311 - not for secrets
    folder = given.folder or Path(".headrace") / f"chaos-{given.delivery}-{seed}"
    shutil.rmtree(folder, ignore_errors=True)
    orders = soak.Orders(given.minutes, seed, given.delivery, given.rate, folder.resolve())
    command = (
        f"python3 dev.py chaos --minutes {given.minutes:g} --seed {seed} --delivery {given.delivery} "
        f"--rate {given.rate:g}"
    )
    _say(f"{command}; logs in {folder}")
    outcome = soak.run(orders, _say)
    made = report.section(orders, outcome, command)
    (folder / "report.md").write_text(made, encoding="utf-8")
    if given.report is not None:
        report.put(given.report, made)
    sys.stdout.write("\n" + made)
    return 0 if outcome.is_sound else BROKEN


def _end(*_: object) -> NoReturn:
    _say("told to end")
    raise SystemExit(128 + signal.SIGTERM)


def _hunt(names: Sequence[str], folder: Path) -> int:
    shutil.rmtree(folder, ignore_errors=True)
    caught = mutants.hunt(folder.resolve(), 1, _say, names)
    sys.stdout.write(f"{caught} of {len(names)} mutants caught\n")
    return 0 if caught == len(names) else BROKEN


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
