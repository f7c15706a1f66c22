"""Labels on a topic of their own, through real workers that are killed: each finds its event once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker import workers as w

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]

PARTITIONS = 2
N_EVENTS = 2_000

LATE = """
import headrace as hr
from river import linear_model, preprocessing


class Reading(hr.Event):
    at: float
    who: str
    a: float
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=[
        hr.Topic("{name}.events", Reading, partitions={partitions}, time="at"),
        hr.Topic("{name}.more", Reading, partitions=1, time="at"),
    ],
    labels=hr.Labels("{name}.outcomes", key="who", time="at", wait_s=1e6),
    key="who",
    target="y",
    features=["a"],
    models=lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
)
"""


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    return w.create_pipeline(tmp_path, bootstrap, template=LATE, partitions=PARTITIONS)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def event(i: int) -> bytes:
    return json.dumps({"id": f"e{i}", "at": 1.7e9 + i, "who": f"w{i % 7}", "a": i * 37 % 101 / 50}).encode()


def label(i: int) -> bytes:
    y = i * 37 % 101 > 50
    return json.dumps({"id": f"e{i}", "at": 1.7e9 + i + 60, "who": f"w{i % 7}", "y": y}).encode()


def facts(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    return [json.loads(m.value() or b"") for m in w.consume(bootstrap, topic, PARTITIONS)]


def joined(bootstrap: str, name: str) -> set[str]:
    statuses = facts(bootstrap, f"{name}.labels.status")
    return {status["event_id"] for status in statuses if status["state"] == "joined"}


def test_every_label_finds_its_event_once_although_workers_are_killed(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    half = N_EVENTS // 2
    workers = [start(), start()]
    for worker in workers:
        worker.until_ready()

    for first, topic, n in ((0, "events", PARTITIONS), (half, "more", 1)):
        w.produce(bootstrap, f"{name}.{topic}", [event(i) for i in range(first, first + half)], n)
        workers[0].process.kill()
        workers[0] = start()
        w.produce(bootstrap, f"{name}.outcomes", [label(i) for i in range(first, first + half)], PARTITIONS)
        workers.reverse()
    w.until(lambda: len(joined(bootstrap, name)) == N_EVENTS, "every label has found its event", 240)
    for worker in workers:
        worker.until_ready()
    codes = [worker.terminate() for worker in workers]

    predictions = {p["id"]: p for p in facts(bootstrap, f"{name}.predictions")}
    statuses = {s["id"]: s for s in facts(bootstrap, f"{name}.labels.status")}
    ended = Counter(s["event_id"] for s in statuses.values() if s["state"] == "joined")
    assert sorted(p["event_id"] for p in predictions.values()) == sorted(f"e{i}" for i in range(N_EVENTS))
    assert ended == {f"e{i}": 1 for i in range(N_EVENTS)}
    assert {s["state"] for s in statuses.values()} <= {"joined", "orphan_kept"}
    assert {p["origin"]["topic"] for p in predictions.values()} == {f"{name}.events", f"{name}.more"}
    assert codes == [0, 0]
    verified = w.headrace("verify", "pipe.py", "--json", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    options = ("--event-id", "e7", "--dry-run", "--json")
    forgotten = w.headrace("unlearn", "pipe.py", *options, cwd=tmp_path, bootstrap=bootstrap)
    assert forgotten.returncode == 0, forgotten.stdout + forgotten.stderr
    (found,) = json.loads(forgotten.stdout)
    assert found["digest"] == found["proof"]
