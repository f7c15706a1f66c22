"""Does the harness notice bugs? Each is seeded in real workers, or in the simulation, and has to be found."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from headrace.mutants import MUTANTS
from streams.broker import LocalKafka
from tools.chaos import actions
from tools.chaos.arena import Setting, arena
from tools.chaos.project import ROOT

PARTITIONS = 4
WORKERS = 2
SESSION_S = 3.0
TRANSACTION_S = 0.1
RATE = 500.0
CALM_S = 4.0

IN_SIMULATION = tuple(name for name, mutant in MUTANTS.items() if mutant.lane == "simulation")
ON_BROKERS = tuple(name for name, mutant in MUTANTS.items() if mutant.lane == "broker")

Say = Callable[[str], None]


def hunt(folder: Path, seed: int, say: Say, names: Sequence[str] = tuple(MUTANTS)) -> int:
    """Seed each bug of *names* in turn; return how many were caught.

    Raises
    ------
    RuntimeError
        If something is found without any bug: then what is found with one says nothing.
    """
    caught = _simulated([name for name in IN_SIMULATION if name in names], say)
    here = [name for name in ON_BROKERS if name in names]
    if here:
        with LocalKafka(folder / "kafka") as kafka:
            if found := broken_promises(kafka.bootstrap, folder / "none", seed):
                raise RuntimeError(f"without any bug seeded, the judge found {found}")
            say("no bug seeded: nothing found")
            for name in here:
                found = broken_promises(kafka.bootstrap, folder / name, seed, name)
                say(f"{name:26} {MUTANTS[name].says}: {found or 'NOT CAUGHT'}")
                caught += bool(found)
    return caught


def broken_promises(bootstrap: str, folder: Path, seed: int, mutant: str = "") -> dict[str, int]:
    """Run two workers with the bug *mutant*, kill one, and return the anomalies that the judge finds."""
    delivery = MUTANTS[mutant].delivery if mutant else "at_least_once"
    setting = Setting(
        bootstrap,
        bootstrap,
        folder,
        seed,
        delivery=delivery,
        workers=WORKERS,
        partitions=PARTITIONS,
        session_s=SESSION_S,
        transaction_s=TRANSACTION_S,
        rate=RATE,
        mutant=mutant,
    )
    with arena(setting, f"mutant-{mutant.replace('_', '-') or 'none'}") as made:
        made.pause(CALM_S)
        made.until_flowing(actions.kill(made, 0.0))
        report: dict[str, Any] = made.judgement()
    return {kind: n for kind, n in report["anomalies"].items() if n}


def _simulated(names: Sequence[str], say: Say) -> int:
    """Let the simulation hunt *names*; return how many it caught."""
    if not names:
        return 0
    command = [sys.executable, "-m", "tests.simulation.mutants", *names]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        lines = []
        for line in process.stdout or ():
            say(line.rstrip())
            lines.append(line)
    verdicts = [line for line in lines if line.split()[:1] and line.split()[0] in names]
    return sum("NOT CAUGHT" not in line for line in verdicts)
