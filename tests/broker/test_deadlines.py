"""A model that misses its deadline, in a real worker: others answer, and a replay without a clock agrees."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker import workers as w

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]

# No model answers within a tenth of a microsecond.
HURRIED = """
import headrace as hr
from river import linear_model


class Reading(hr.Event):
    a: float
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, key="id", partitions={partitions}),
    target="y",
    models={{
        "m": hr.Step(
            linear_model.LogisticRegression,
            backup=[False],
            deadline_ms=0.0001,
            breaker=hr.Breaker(errors=5, of=10, rest=40, max_rest=40),
        ),
    }},
)
"""


@pytest.fixture
def name(tmp_path: Path, bootstrap: str) -> str:
    """Name of a fresh pipeline in pipe.py, its topics created."""
    return w.create_pipeline(tmp_path, bootstrap, template=HURRIED, partitions=1)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def readings(first: int, last: int) -> list[bytes]:
    return [json.dumps({"id": f"e{i}", "a": i % 7 - 3, "y": i % 7 > 3}).encode() for i in range(first, last)]


def test_a_model_too_slow_is_taken_out_by_a_decision_and_a_replay_agrees(
    tmp_path: Path, bootstrap: str, name: str, start: Start
) -> None:
    def values(topic: str) -> list[dict[str, Any]]:
        return [json.loads(m.value()) for m in w.consume(bootstrap, f"{name}.{topic}", 1)]

    def decided() -> list[dict[str, Any]]:
        return [record for record in values("decisions") if record["kind"] == "decision"]

    worker = start()
    worker.until_ready()
    w.produce(bootstrap, f"{name}.events", readings(0, 20), 1)
    w.until(decided, "the model is taken out")
    w.produce(bootstrap, f"{name}.events", readings(20, 100), 1)
    w.until(lambda: len(values("predictions")) >= 100, "all events are answered")
    assert worker.terminate() == 0

    first = decided()[0]
    assert (first["action"], first["model"]) == ("open", "m")
    steps = [result["steps"]["m"] for result in values("predictions")]
    assert {step["status"] for step in steps[: first["at"]]} == {"ok"}
    rests = steps[first["at"] : first["at"] + 40]
    assert {(step["by"], step["why"]) for step in rests} == {("constant", "the circuit is open: slow")}
    assert values("alerts")[0]["circuit"] == "open"
    verified = w.headrace("verify", "pipe.py", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stderr
