"""A bandit whose rewards come on a topic of their own, through real workers that are killed."""

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
N_EVENTS = 1_000

OFFERS = """
import headrace as hr


class Visit(hr.Event):
    at: float
    who: str
    age: float


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.visits", Visit, key="who", partitions={partitions}, time="at"),
    models=hr.Bandit(["mail", "banner"], policy=hr.LinUCB(explore=0.1)),
    feedback=hr.Feedback("{name}.clicks", key="who", time="at", wait_s=1e6, every=100),
)
"""


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    return w.create_pipeline(tmp_path, bootstrap, template=OFFERS, partitions=PARTITIONS)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def age(i: int) -> float:
    return 18.0 + i * 37 % 60


def visit(i: int) -> bytes:
    return json.dumps({"id": f"v{i}", "at": 1.7e9 + i, "who": f"w{i % 7}", "age": age(i)}).encode()


def click(i: int, arm: str) -> bytes:
    earned = float((age(i) > 50) == (arm == "mail"))
    return json.dumps(
        {"event_id": f"v{i}", "at": 1.7e9 + i + 9, "who": f"w{i % 7}", "value": earned}
    ).encode()


def facts(bootstrap: str, topic: str) -> list[dict[str, Any]]:
    return [json.loads(m.value() or b"") for m in w.consume(bootstrap, topic, PARTITIONS)]


def chosen(bootstrap: str, name: str) -> dict[str, str]:
    return {p["event_id"]: p["prediction"] for p in facts(bootstrap, f"{name}.predictions")}


def rewarded(bootstrap: str, name: str) -> dict[str, float]:
    statuses = facts(bootstrap, f"{name}.feedback.status")
    return {status["event_id"]: status["label"] for status in statuses if status["state"] == "joined"}


def inspected(folder: Path, bootstrap: str, event_id: str) -> dict[str, Any]:
    """Return what is told of the feedback on one event, whose answer is as it was published."""
    result = w.headrace("inspect", event_id, "pipe.py", "--json", cwd=folder, bootstrap=bootstrap)
    assert result.returncode == 0, result.stdout + result.stderr
    (event,) = json.loads(result.stdout)["events"]
    assert event["identical"] is True
    (heard,) = event["labels"]
    return dict(heard)


def test_every_reward_is_learned_once_although_workers_are_killed(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    half = N_EVENTS // 2
    workers = [start(), start()]
    for worker in workers:
        worker.until_ready()

    for first in (0, half):
        numbers, n = range(first, first + half), first + half
        w.produce(bootstrap, f"{name}.visits", [visit(i) for i in numbers], PARTITIONS)
        w.until(lambda n=n: len(chosen(bootstrap, name)) == n, "every visit has its action", 240)  # type: ignore[misc]
        workers[0].process.kill()
        workers[0] = start()
        actions = chosen(bootstrap, name)
        w.produce(bootstrap, f"{name}.clicks", [click(i, actions[f"v{i}"]) for i in numbers], PARTITIONS)
        w.until(lambda n=n: len(rewarded(bootstrap, name)) == n, "every reward has found its event", 240)  # type: ignore[misc]
        workers.reverse()
    for worker in workers:
        worker.until_ready()
    codes = [worker.terminate() for worker in workers]

    predictions, statuses, reports = (
        {fact["id"]: fact for fact in facts(bootstrap, f"{name}.{topic}")}
        for topic in ("predictions", "feedback.status", "metrics")
    )
    assert sorted(p["event_id"] for p in predictions.values()) == sorted(f"v{i}" for i in range(N_EVENTS))
    assert Counter(s["event_id"] for s in statuses.values() if s["state"] == "joined") == {
        f"v{i}": 1 for i in range(N_EVENTS)
    }
    assert all(0.05 <= p["probability"][p["prediction"]] <= 1.0 for p in predictions.values())
    rewards = rewarded(bootstrap, name)
    assert sum(rewards[f"v{i}"] for i in range(N_EVENTS - 200, N_EVENTS)) / 200 > 0.8, "chance would earn 0.5"
    assert max(r["policy"]["n"] for r in reports.values()) >= 400
    assert codes == [0, 0]
    verified = w.headrace("verify", "pipe.py", "--json", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    heard = inspected(tmp_path, bootstrap, "v17")
    assert (heard["about"], heard["state"], heard["label"]) == ("feedback", "joined", rewards["v17"])
    assert (heard["learned"]["same_features"], heard["learned"]["label"]) == (True, rewards["v17"])
