"""Makes docs/models.md: ``python -m headrace.snapshots.table > docs/models.md``, a few minutes."""

from __future__ import annotations

import pickle
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from headrace.snapshots import battery
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.catalogue import SEED, Example, examples, refused, say
from headrace.snapshots.pickling import dumps, loads

COMMAND = "python -m headrace.snapshots.table > docs/models.md"
EVENTS = 1_000
_TRIAL_EVENTS = 300
_TRIAL_SNAPSHOTS = 3
_REPEATS = 5

_HEAD = f"""# Models

Every public estimator of river {{river}} that registration accepts, {{n}} of them, made as river's own
tests do (a few differently: `headrace/snapshots/catalogue.py`), and seeded.

**Replay**: what snapshots at {_TRIAL_SNAPSHOTS} random points within {_TRIAL_EVENTS} events become in another
process, compared with the model itself to the bit: all later answers, and the digest at the end. *any*: they
agree, with another hash seed as well; *same seed*: with that of the first process only, which workers fix
(`PYTHONHASHSEED=0`).

**Plain** is what `pickle` makes of the model after {EVENTS:,} events of ten features, **snapshot** the body
of headrace's snapshot of it. **Dump** and **load** are processor time, the fastest of {_REPEATS}, on one
machine ({{machine}}, Python {{python}}): they compare models, not machines.

Made by `{COMMAND}`, seed {SEED}.

| model | task | replay | plain, bytes | snapshot, bytes | dump, ms | load, ms |
|---|---|---|---:|---:|---:|---:|
"""

_TAIL = """
Refused as river's own tests make them:

| model | why |
|---|---|
"""


def page(hosts: dict[str, str]) -> str:
    """Return the page; *hosts* says for each model where its snapshots go on to the bit."""
    rows = [_row(example, hosts[name]) for name, example in examples().items()]
    head = _HEAD.format(
        river=version("river"), n=len(rows), machine=platform.machine(), python=platform.python_version()
    )
    reasons = [f"| {name} | {_short(why)} |" for name, why in refused().items()]
    return head + "\n".join(rows) + "\n" + _TAIL + "\n".join(reasons) + "\n"


def replays() -> dict[str, str]:
    """Return for each model where its snapshots go on to the bit: *any*, *same seed* or *no*."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trials.json"
        battery.record(file, battery.WORKERS_SEED, _TRIAL_EVENTS, _TRIAL_SNAPSHOTS)
        same, anywhere = (
            battery.replay(file, seed, examples()) for seed in (battery.WORKERS_SEED, battery.OTHER_SEED)
        )
    return {name: "any" if anywhere[name] else "same seed" if same[name] else "no" for name in same}


def _row(example: Example, where: str) -> str:
    model, allowed = example.factory(), Allowed()
    say(example, model, EVENTS)
    body = dumps(model)
    plain = len(pickle.dumps(model, protocol=5))
    dump_ms, load_ms = _fastest_ms(lambda: dumps(model)), _fastest_ms(lambda: loads(body, allowed))
    return (
        f"| {example.name} | {example.task} | {where} | {plain:,} | {len(body):,} "
        f"| {dump_ms:.2f} | {load_ms:.2f} |"
    )


def _short(why: str) -> str:
    return why.splitlines()[0].partition(": ")[2].partition(" (")[0]


def _fastest_ms(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(_REPEATS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return 1e3 * min(times)


if __name__ == "__main__":
    sys.stdout.write(page(replays()))
