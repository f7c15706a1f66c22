"""A user's own Faust agents run beside ours, in the same worker."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from tests.broker import workers as w

pytestmark = pytest.mark.broker

AGENT = """
def attach(app):
    predictions = app.topic("{name}.predictions", value_serializer="raw", key_serializer="raw")

    async def alert(stream):
        async for value in stream:
            with open("seen.jsonl", "ab") as seen:
                seen.write(value + b"\\n")

    app.agent(predictions, name="alerts")(alert)
"""


def test_an_agent_of_the_users_own_reads_what_the_pipeline_publishes(tmp_path: Path, bootstrap: str) -> None:
    name = f"t{random.getrandbits(40):x}"
    path = w.write_pipeline(tmp_path, name)
    path.write_text(path.read_text() + AGENT.format(name=name))
    w.create_topics(path, bootstrap)
    events = [json.dumps({"id": f"e{i}", "a": i / 7, "b": 0.5, "y": i % 2 == 0}).encode() for i in range(40)]
    seen = tmp_path / "seen.jsonl"

    with w.workers(tmp_path, bootstrap) as start:
        worker = start()
        w.produce(bootstrap, f"{name}.events", events, 2)
        w.until(lambda: seen.exists() and len(seen.read_bytes().splitlines()) == 40, "its agent saw all")
        assert worker.terminate() == 0, worker.log_text()

    found = [json.loads(line) for line in seen.read_bytes().splitlines()]
    assert sorted(result["event_id"] for result in found) == sorted(f"e{i}" for i in range(40))
    assert w.end_offsets(bootstrap, f"{name}.predictions", 2) == 40


def test_an_attach_that_is_no_function_is_a_usage_error(tmp_path: Path, bootstrap: str) -> None:
    path = w.write_pipeline(tmp_path, "unused")
    path.write_text(path.read_text() + "attach = 3\n")

    done = w.headrace("worker", "pipe.py", "--http-port", "0", cwd=tmp_path, bootstrap=bootstrap)

    assert done.returncode == 2
    assert b"pipe.attach is no function" in done.stderr
