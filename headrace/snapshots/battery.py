"""Whether every estimator goes on to the bit after a snapshot and a restore in another process.

`record` and `replay` each work in a process of their own, with a hash seed that is given.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from headrace.models.digest import digest
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.catalogue import examples, say
from headrace.snapshots.pickling import dumps, loads

WORKERS_SEED = "0"
OTHER_SEED = "1"


class Trial(msgspec.Struct, frozen=True):
    """A model with a snapshot before event *start* of *n*, and what became of it.

    *state* is its digest at the snapshot, *end* the one after all events, *said* that of its answers between.
    """

    name: str
    start: int
    n: int
    body: bytes
    state: str
    said: str
    end: str


def recorded(names: list[str], n: int, snapshots: int) -> Iterator[Trial]:
    """Yield trials with the models *names*: *n* events each, *snapshots* at random points on the way."""
    for name in names:
        example = examples()[name]
        model = example.factory()
        starts = sorted(random.Random(name).sample(range(n), snapshots))  # noqa: S311 - no secret
        bodies, states, said = [], [], []
        for start, stop in zip([0, *starts], [*starts, n], strict=True):
            said.append(say(example, model, n, start, stop))
            bodies.append(dumps(model))
            states.append(digest(model))
        for i, start in enumerate(starts):
            later = [answer for part in said[i + 1 :] for answer in part]
            yield Trial(name, start, n, bodies[i], states[i], digest(later), states[-1])


def replayed(trial: Trial) -> bool:
    """Return whether the snapshot of *trial* goes on to the bit as the model did."""
    example = examples()[trial.name]
    model = loads(trial.body, Allowed())
    restored = digest(model)
    said = say(example, model, trial.n, trial.start)
    return (restored, digest(said), digest(model)) == (trial.state, trial.said, trial.end)


def record(file: Path, hash_seed: str, n: int, snapshots: int) -> None:
    """Write trials with every model into *file*."""
    _run("record", str(file), str(n), str(snapshots), hash_seed=hash_seed)


def replay(file: Path, hash_seed: str, names: Iterable[str]) -> dict[str, bool]:
    """Return for each model of *names* whether all its trials in *file* go on to the bit."""
    return msgspec.json.decode(_run("replay", str(file), *names, hash_seed=hash_seed), type=dict[str, bool])


def _run(*arguments: str, hash_seed: str) -> bytes:
    return subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", __name__, *arguments],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def main(verb: str, file: str, *arguments: str) -> None:
    """Do what `record` or `replay` asks of another process."""
    if verb == "record":
        n, snapshots = map(int, arguments)
        Path(file).write_bytes(msgspec.json.encode(list(recorded(list(examples()), n, snapshots))))
        return
    same = dict.fromkeys(arguments, True)
    for trial in msgspec.json.decode(Path(file).read_bytes(), type=list[Trial]):
        if trial.name in same:
            same[trial.name] &= replayed(trial)
    sys.stdout.write(msgspec.json.encode(same).decode())


if __name__ == "__main__":
    main(*sys.argv[1:])
