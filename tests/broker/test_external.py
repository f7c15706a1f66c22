"""A step whose work is done by other processes, all of which are killed: each event has its one result."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import confluent_kafka
import pytest

from headrace.fold import Fold
from headrace.loading import load_pipeline
from tests.broker import workers as w
from tests.pages import EXTERNAL, blocks

pytestmark = pytest.mark.broker

PARTITIONS = 2
N_EVENTS = 300

OUTSIDE = """
import headrace as hr
from river import linear_model, preprocessing


class Payment(hr.Event):
    at: float
    amount: float
    who: str | None = None
    y: bool | None = None


def scaled():
    return preprocessing.StandardScaler() | linear_model.LogisticRegression()


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Payment, key={key}, partitions={partitions}, time="at"),
    target="y",
    features=["amount"],
    models={{
        "cheap": scaled,
        "review": hr.External("{name}.verdicts", deadline_s=1e6),
        "judge": hr.Step(scaled, inputs=["amount", "review.probability"]),
    }},
    combine=hr.Last(),
)
"""


class Told(NamedTuple):
    """What was published: bytes by id, and how often."""

    values: dict[str, bytes]
    times: Counter[str]


class Reviewer:
    """The worker of the page, in a process."""

    def __init__(self, folder: Path, bootstrap: str, tasks: str) -> None:
        path = folder / "reviewer.py"
        (code,) = (block for block in blocks(EXTERNAL, "python") if block.startswith("# workers/reviewer.py"))
        path.write_text(code, "utf-8")
        self._command = [sys.executable, str(path)]
        self._env = {**w.environment(bootstrap), "TASKS": tasks}
        self.process = subprocess.Popen(self._command, env=self._env, cwd=folder)

    def kill_and_start(self) -> None:
        """End it the hard way, and begin anew."""
        self.close()
        self.process = subprocess.Popen(self._command, env=self._env)

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()


@pytest.fixture(params=['"who"', "None"], ids=["keyed", "without keys"])
def name(request: Any, tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    template = OUTSIDE.replace("{key}", request.param)
    return w.create_pipeline(tmp_path, bootstrap, template=template, partitions=PARTITIONS)


@pytest.fixture
def reviewer(tmp_path: Path, bootstrap: str, name: str) -> Iterator[Reviewer]:
    """A worker outside."""
    reviewer = Reviewer(tmp_path, bootstrap, f"{name}.tasks")
    yield reviewer
    reviewer.close()


def event(i: int) -> bytes:
    record = {"id": f"e{i}", "at": 1.7e9 + i, "amount": i * 37 % 1001, "y": i * 37 % 1001 > 600}
    return json.dumps(record | {"who": f"w{i % 7}"}).encode()


def told(bootstrap: str, topic: str) -> Told:
    records = w.consume(bootstrap, topic, PARTITIONS)
    values = {json.loads(m.value() or b"")["id"]: m.value() or b"" for m in records}
    times = Counter(json.loads(m.value() or b"")["id"] for m in records)
    assert {(json.loads(m.value() or b"")["id"], m.value()) for m in records} == {*values.items()}
    return Told(values, times)


def folded(folder: Path, bootstrap: str, name: str) -> dict[str, dict[str, bytes]]:
    """Return what the log gives in one undisturbed pass, by kind and id."""
    before, found = sys.path[:], {"predictions": {}, "tasks": {}, "tasks.status": {}}
    pipeline = load_pipeline(str(folder / "pipe.py"))
    sys.path[:] = before
    for partition in range(PARTITIONS):
        fold = Fold(pipeline, f"{name}.log", partition)
        records = [
            _Kept(m) for m in w.consume(bootstrap, f"{name}.log", PARTITIONS) if m.partition() == partition
        ]
        fold.step_chunk(
            records,
            lambda made_id, _, value, __: found["predictions"].update({made_id: value}),
            None,
            lambda kind, made_id, _, value, __: found[kind].update({made_id: value}),
        )
    return found


class _Kept:
    """A record as the fold reads it."""

    def __init__(self, message: confluent_kafka.Message) -> None:
        self.offset, self.key, self.value = message.offset(), message.key(), message.value()
        self.timestamp, self.headers = message.timestamp()[1], ()


def test_each_event_has_its_one_result_although_workers_inside_and_outside_are_killed(
    tmp_path: Path, bootstrap: str, name: str, reviewer: Reviewer
) -> None:
    with w.workers(tmp_path, bootstrap) as start:
        workers = [start(), start()]
        for worker in workers:
            worker.until_ready()
        third = N_EVENTS // 3
        for part in range(3):
            values = [event(i) for i in range(part * third, (part + 1) * third)]
            w.produce(bootstrap, f"{name}.events", values, PARTITIONS)
            w.until(
                lambda part=part: w.end_offsets(bootstrap, f"{name}.predictions", PARTITIONS) > part * third,
                "some of them are answered",
            )
            if part < 2:
                workers[0].process.kill()
                reviewer.kill_and_start()
                workers[0] = start()
                workers.reverse()
        w.until(
            lambda: len(told(bootstrap, f"{name}.predictions").values) >= N_EVENTS, "all are answered", 240
        )
        for worker in workers:
            worker.until_ready()
        assert [worker.terminate() for worker in workers] == [0, 0]

    wanted = folded(tmp_path, bootstrap, name)
    for kind, values in wanted.items():
        assert told(bootstrap, f"{name}.{kind}").values == values
    results = [json.loads(value) for value in wanted["predictions"].values()]
    assert sorted(p["event_id"] for p in results) == sorted(f"e{i}" for i in range(N_EVENTS))
    assert {p["steps"]["review"]["status"] for p in results} == {"ok"}
    assert {p["by"] for p in results} == {"judge"}
    states = Counter(json.loads(value)["state"] for value in wanted["tasks.status"].values())
    assert states["answered"] == states["taken"] == N_EVENTS
    assert states.keys() <= {"answered", "taken", "duplicate"}
    verified = w.headrace("verify", "pipe.py", "--json", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stdout + verified.stderr
