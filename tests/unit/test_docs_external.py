"""The example of the how-to on external steps, and its workers, do what the page says."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import stamina

from headrace.external.outcomes import STATES
from headrace.loading import load_pipeline
from headrace.steps.external import External
from headrace.testing import Harness
from schemas.external import ExternalAnswer
from tests.pages import EXTERNAL, blocks, table


def example(path: str) -> str:
    (found,) = (block for block in blocks(EXTERNAL, "python") if block.startswith(f"# {path}\n"))
    return found


def test_the_example_waits_for_the_worker_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reviews.py").write_text(example("pipelines/reviews.py"), "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    harness = Harness(load_pipeline(str(tmp_path / "reviews.py")))
    worker: dict[str, Any] = {}
    exec(example("workers/reviewer.py").replace("asyncio.run(main())", ""), worker)  # noqa: S102 - the page's own

    for i in range(400):
        amount = 10.0 + 90 * (i % 10)
        harness.send({"id": f"p-{i}", "amount": amount, "hour": i % 24, "is_fraud": amount > 500})
        for task in harness.tasks[len(harness.answers) // 2 :]:
            harness.answer(asyncio.run(worker["answer_to"](task)))

    assert [p["event_id"] for p in harness.predictions] == [f"p-{i}" for i in range(400)]
    assert {s["state"] for s in harness.answers} == {"taken", "answered"}
    assert {p["by"] for p in harness.predictions} == {"judge"}
    assert 0 < len(harness.tasks) < 400


def test_the_worker_of_the_page_tries_again_and_then_says_what_is_wrong() -> None:
    worker: dict[str, Any] = {}
    exec(example("workers/reviewer.py").replace("asyncio.run(main())", ""), worker)  # noqa: S102 - as above
    task = {"event_id": "p-1", "id": "t", "features": Away(times=4, amount=900.0)}

    with stamina.set_testing(True, attempts=5):
        assert asyncio.run(worker["answer_to"](task))["probability"] == {"true": 0.9, "false": 1 - 0.9}
        task["features"] = Away(times=5, amount=900.0)
        assert asyncio.run(worker["answer_to"](task))["error"] == "away"


class Away(dict[str, float]):
    """Features that cannot be read the first few times, as if a network was away."""

    def __init__(self, times: int, **features: float) -> None:
        super().__init__(**features)
        self._times = times

    def __getitem__(self, name: str) -> float:
        self._times -= 1
        if self._times >= 0:
            raise OSError("away")
        return super().__getitem__(name)


def test_the_page_tells_every_state_every_field_and_every_argument() -> None:
    arguments = {name for row in table(EXTERNAL, "argument") for name in row[0].replace("`", "").split(", ")}
    fields = [row[0] for row in table(EXTERNAL, "field")]

    assert [row[0] for row in table(EXTERNAL, "state")] == [*STATES]
    assert sorted(fields) == sorted(ExternalAnswer.__struct_fields__)
    code = External.__init__.__code__
    assert arguments == {*code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]}


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not on this machine")
def test_the_worker_in_the_shell_answers_with_the_key_of_the_task() -> None:
    (script,) = blocks(EXTERNAL, "sh")
    program = script.split("'")[3]
    task = {"id": "t/t.log/0/0/review.task", "event_id": "e0", "features": {"amount": 501.0}}

    said = subprocess.run(
        [str(shutil.which("jq")), "-rR", program],
        input=f"k\t{json.dumps(task)}\n".encode(),
        capture_output=True,
        check=True,
    )

    key, _, answer = said.stdout.decode().rstrip("\n").partition("\t")
    assert key == "k"
    assert json.loads(answer) == {"event_id": "e0", "task": task["id"], "prediction": True}
