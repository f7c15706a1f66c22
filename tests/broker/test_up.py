"""A new project, `headrace up`, and nothing left of it after Ctrl-C."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from agents.pipeline_topics import topic_specs
from agents.up import meter
from headrace import Labels, Pipeline, Topic
from streams import client, topics
from tests.broker import workers as w
from tests.folding import Reading, linear

pytestmark = [pytest.mark.broker, pytest.mark.slow]

Headrace = Callable[..., subprocess.CompletedProcess[str]]


class Up:
    """A running `headrace up` and what it printed."""

    def __init__(self, folder: Path, env: dict[str, str], *options: str) -> None:
        self._out = folder / "up.txt"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "headrace", "up", "pipelines.my_app", *options],
                cwd=folder,
                env=env,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    @property
    def text(self) -> str:
        return self._out.read_text()

    def until(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed *pattern*."""
        w.until(
            lambda: re.search(pattern, self.text) or self.process.poll() is not None, pattern, deadline_s=60
        )
        found = re.search(pattern, self.text)
        assert found, self.text
        return found

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)


@pytest.fixture
def env() -> dict[str, str]:
    """Environment of a user without settings of any kind."""
    return {k: v for k, v in w.environment("").items() if not k.startswith("HEADRACE_")} | {
        "PYTHONUNBUFFERED": "1"
    }


@pytest.fixture
def headrace(tmp_path: Path, env: dict[str, str]) -> Headrace:
    """Run a command in the new project."""

    def run(*argv: str, cwd: Path = tmp_path / "my-app") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "headrace", *argv]
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)

    assert run("init", "my-app", cwd=tmp_path).returncode == 0
    return run


@pytest.fixture
def start(tmp_path: Path, env: dict[str, str]) -> Iterator[Callable[..., Up]]:
    """Starts `headrace up`; nothing of it outlives the test."""
    started: list[Up] = []

    def up(*options: str, **more: str) -> Up:
        started.append(Up(tmp_path / "my-app", env | more, *options))
        return started[-1]

    yield up
    for each in started:
        if each.process.poll() is None:
            for process in [*each.children(), each.process]:
                process.kill()
        each.process.wait()


def test_a_new_project_tests_itself(tmp_path: Path, env: dict[str, str], headrace: Headrace) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "my-app",
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "2 passed" in ran.stdout, ran.stdout


def test_up_from_nothing_to_predictions_and_back(start: Callable[..., Up], headrace: Headrace) -> None:
    up = start()
    up.until(r"worker 2 +partitions \d, pid")

    sent = headrace("send", "my-app.events", "events.jsonl", "--key", "card")
    assert sent.stdout == "sent 60 records to my-app.events\n", sent.stderr
    up.until(r"60 events .* lag 0   dead letters 1 ")
    shown = headrace("tail", "my-app.predictions", "-n", "1", "--json")
    assert json.loads(shown.stdout)["value"]["pipeline"] == "my-app@1"

    pid = int(up.until(r"worker 1 .*pid (\d+)")[1])
    os.kill(pid, signal.SIGKILL)
    up.until(rf"worker 1 \(pid {pid}\) was ended by SIGKILL; starts again in 0\.\d s")
    up.until(r"worker 1 holds partitions: \d\n")

    mine = up.children()
    assert len(mine) == 3  # Kafka and two workers
    assert up.end(signal.SIGINT) == 0
    assert [process for process in mine if process.is_running()] == []
    assert up.text.endswith("stopped; nothing that was started here is left running\n")
    assert "Traceback" not in up.text
    assert headrace("kafka", "status").returncode == 3


def test_up_uses_a_kafka_that_runs_and_leaves_it(start: Callable[..., Up], headrace: Headrace) -> None:
    try:
        assert headrace("kafka", "up").returncode == 0
        up = start("-n", "3")
        up.until(r"kafka +127\.0\.0\.1:\d+, ran already and stays up")
        up.until(r"note +1 of the workers in reserve")
        up.until(r"worker 3 +partitions")
        mine = up.children()

        assert up.end(signal.SIGTERM) == 0
        assert [process for process in mine if process.is_running()] == []
        assert "answers" in headrace("kafka", "status").stdout
    finally:
        headrace("kafka", "down")


@pytest.mark.timeout(1_800)
def test_up_gives_up_on_what_can_never_run(
    start: Callable[..., Up], headrace: Headrace, bootstrap: str
) -> None:
    up = start("--bootstrap", bootstrap, HEADRACE_HTTP_HOST="192.0.2.1")  # no address of this machine

    assert up.process.wait(200) == 1
    assert re.search(
        r"worker \d \(pid \d+\) ended with exit code 1 \(error: .*\); starts again in 0\.\d s", up.text
    )
    # Five starts in a minute are too many for a busy machine; then it has waited long enough for the first.
    gave_up = (
        r"error: (worker \d \(pid \d+\) ended with exit code 1, 5 times before|the workers did not join)"
    )
    assert re.search(gave_up, up.text)
    assert "192.0.2.1 cannot be used" in up.text


def test_up_ends_at_once_when_interrupted_early(start: Callable[..., Up], headrace: Headrace) -> None:
    up = start()
    w.until(lambda: "headrace" in up.text, "it has begun")
    w.until(up.children, "Kafka starts")
    mine = up.children()

    assert up.end(signal.SIGINT) == 130
    assert [process for process in mine if process.is_running()] == []
    assert "Traceback" not in up.text


async def test_what_waits_in_the_sources_of_a_merged_log_is_counted(bootstrap: str) -> None:
    name = f"t{random.getrandbits(40):x}"
    source = Topic(f"{name}.events", Reading, key="id", partitions=2)
    labels = Labels(f"{name}.outcomes")
    pipeline = Pipeline(name, source=source, labels=labels, target="y", models=linear)
    async with client.admin(bootstrap) as admin:
        await topics.create(admin, topic_specs(pipeline))
    async with meter.opened(bootstrap, pipeline) as gauge:
        before = await gauge.read()
        w.produce(bootstrap, f"{name}.events", [b"{}"] * 5, 2)
        w.produce(bootstrap, f"{name}.outcomes", [b"{}"] * 2, 1)
        after = await gauge.read()

    assert (before.lags, before.waiting) == ({0: 0, 1: 0}, 0)
    assert (after.lags, after.waiting) == ({0: 0, 1: 0}, 7)
