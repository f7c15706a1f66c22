"""What the tests of time travel share: a command, a pipeline, and what workers did to it in the past."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.broker.travel.past_runs import Ask, PastRun, Run, declared, events, runner, told


@pytest.fixture
def run(tmp_path: Path, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in this process, in a folder of its own."""
    return runner(tmp_path, bootstrap, monkeypatch)


@pytest.fixture
def ask(run: Run) -> Ask:
    """Run a command that succeeds and return what it says as JSON."""
    return lambda *argv: told(run(*argv, "--json"))


@pytest.fixture
def name(tmp_path: Path, run: Run) -> str:
    """Name of a fresh pipeline in pipe.py with two partitions, its topics created."""
    return declared(tmp_path, run)


@pytest.fixture
def past(bootstrap: str, name: str) -> PastRun:
    """A fresh pipeline; a worker owns the first of its two partitions."""
    past = PastRun(bootstrap, name)
    past.own()
    return past


@pytest.fixture
def answered(past: PastRun) -> PastRun:
    """300 events that were answered, two thirds of the way a snapshot, among them what is no event."""
    values: list[bytes | None] = [*events(300)]
    values[50:50] = [None, b"no json"]
    past.feed(values[:200])
    past.snapshot()
    past.feed(values[200:])
    return past
