"""A model that misses its deadline, in a real worker: others answer, and a replay without a clock agrees."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from streams.chunking import FIRST_RECORDS
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


# It needs as many milliseconds for an answer as the event says.
SLUGGISH = """
import time

import headrace as hr
from river import dummy


class Sluggish(dummy.PriorClassifier):
    def predict_proba_one(self, x):
        time.sleep(x["ms"] / 1e3)
        return super().predict_proba_one(x)


class Reading(hr.Event):
    ms: float
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, key="id", partitions={partitions}),
    target="y",
    models={{
        "m": hr.Step(
            Sluggish,
            backup=[False],
            deadline_ms=1_000,
            breaker=hr.Breaker(errors=2, of=10, rest=40, max_rest=40, worse_than_baseline=None),
        ),
    }},
)
"""


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    """Starts workers of pipe.py."""
    with w.workers(tmp_path, bootstrap) as start:
        yield start


class Written(NamedTuple):
    """What a pipeline has written into its topics."""

    bootstrap: str
    name: str

    def values(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(m.value()) for m in w.consume(self.bootstrap, f"{self.name}.{topic}", 1)]

    def decided(self) -> list[dict[str, Any]]:
        return [record for record in self.values("decisions") if record["kind"] == "decision"]

    def send(self, events: Sequence[dict[str, Any]]) -> None:
        w.produce(self.bootstrap, f"{self.name}.events", [json.dumps(event).encode() for event in events], 1)

    def require_taken_out(self, decision: dict[str, Any]) -> None:
        """Require that the model answers up to *decision* and rests from there on, and no longer."""
        assert (decision["action"], decision["model"]) == ("open", "m")
        steps = [result["steps"]["m"] for result in self.values("predictions")]
        at = decision["at"]
        assert {step["status"] for step in steps[:at]} == {"ok"}
        assert {(step["by"], step["why"]) for step in steps[at : at + 40]} == {
            ("constant", "the circuit is open: slow")
        }
        assert "slow" not in steps[at + 40]["why"]
        assert self.values("alerts")[0]["circuit"] == "open"


@pytest.fixture
def create(tmp_path: Path, bootstrap: str) -> Callable[[str], Written]:
    """Puts a fresh pipeline into pipe.py and creates its topics."""
    (tmp_path / "headrace.toml").write_text('snapshot_classes = ["pipe.Sluggish"]\n')
    return lambda template: Written(bootstrap, w.create_pipeline(tmp_path, bootstrap, template, 1))


def require_replayed_alike(tmp_path: Path, bootstrap: str) -> None:
    verified = w.headrace("verify", "pipe.py", cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stderr


def test_a_model_too_slow_is_taken_out_by_a_decision_and_a_replay_agrees(
    tmp_path: Path, bootstrap: str, create: Callable[[str], Written], start: Start
) -> None:
    written = create(HURRIED)
    written.send([{"id": f"e{i}", "a": i % 7 - 3, "y": i % 7 > 3} for i in range(100)])
    worker = start()
    w.until(lambda: len(written.values("predictions")) >= 100, "all events are answered")
    assert worker.terminate() == 0

    written.require_taken_out(written.decided()[0])
    require_replayed_alike(tmp_path, bootstrap)


def test_a_model_slow_for_a_moment_is_caught_in_that_chunk_and_comes_back(
    tmp_path: Path, bootstrap: str, create: Callable[[str], Written], start: Start
) -> None:
    written = create(SLUGGISH)
    written.send([{"id": f"e{i}", "ms": 1_001 * (i in {3, 4}), "y": i % 7 > 3} for i in range(200)])
    worker = start()
    w.until(lambda: len(written.values("predictions")) >= 200, "all events are answered")
    assert worker.terminate() == 0

    [decision] = written.decided()
    assert 5 <= decision["at"] <= 5 + FIRST_RECORDS
    written.require_taken_out(decision)
    assert [alert["circuit"] for alert in written.values("alerts")] == ["open", "half_open", "closed"]
    require_replayed_alike(tmp_path, bootstrap)
