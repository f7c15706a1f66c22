"""Two pipelines in a chain, each with a worker: every answer of the first is an event of the second."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.broker import running
from tests.broker import workers as w

pytestmark = pytest.mark.broker

Start = Callable[..., w.WorkerProcess]

SECOND = """
import headrace as hr
from river import anomaly, preprocessing

import {first} as first

pipeline = hr.Pipeline(
    "{name}",
    source=hr.predictions_of(first.pipeline),
    models=lambda: preprocessing.MinMaxScaler() | anomaly.HalfSpaceTrees(seed=1, window_size=20),
)
"""


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Start]:
    with w.workers(tmp_path, bootstrap) as start:
        yield start


def told(bootstrap: str, name: str) -> list[dict[str, Any]]:
    """Return the results of a pipeline."""
    return [json.loads(message.value() or b"") for message in w.consume(bootstrap, f"{name}.predictions", 2)]


def test_each_answer_of_the_first_is_answered_by_the_second_through_a_kill(
    tmp_path: Path, bootstrap: str, start: Start
) -> None:
    name = w.create_pipeline(tmp_path, bootstrap)
    module = f"first_{name}"
    (tmp_path / "pipe.py").rename(tmp_path / f"{module}.py")
    second = tmp_path / f"second_{name}.py"
    second.write_text(SECOND.format(first=module, name=f"{name}.watch"))
    w.create_topics(second, bootstrap)
    start(f"{module}.py").until_ready()
    watching = start(second.name)
    watching.until_ready()

    w.produce(bootstrap, f"{name}.events", running.events(0, 300), 2)
    w.until(lambda: w.end_offsets(bootstrap, f"{name}.watch.predictions", 2) >= 100, "the second answers")
    watching.process.kill()
    w.produce(bootstrap, f"{name}.events", running.events(300, 600), 2)
    start(second.name)
    w.until(lambda: len({a["id"] for a in told(bootstrap, f"{name}.watch")}) == 600, "the second answers all")

    first = told(bootstrap, name)
    answers = {a["id"]: a for a in told(bootstrap, f"{name}.watch")}
    assert Counter(a["event_id"] for a in answers.values()) == Counter(a["id"] for a in first)
    assert {a["event_id"] for a in first} == {f"e{i}" for i in range(600)}
    places = {(a["source"]["partition"], a["source"]["offset"]) for a in answers.values()}
    assert len(places) == 600
    assert all(a["source"]["topic"] == f"{name}.predictions" for a in answers.values())
    assert any(a["score"] > 0 for a in answers.values())
    verified = w.headrace("verify", second.name, cwd=tmp_path, bootstrap=bootstrap)
    assert verified.returncode == 0, verified.stdout + verified.stderr
