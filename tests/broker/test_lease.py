"""A worker stopped for longer than its session wakes up, publishes nothing more, and starts afresh."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.broker import running
from tests.broker import workers as w

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SESSION_S = 3.0
N = 60_000


def test_a_worker_that_slept_for_three_sessions_publishes_nothing_when_it_wakes(
    tmp_path: Path, bootstrap: str
) -> None:
    name = w.create_pipeline(tmp_path, bootstrap, partitions=running.PARTITIONS)
    with running.runs(tmp_path, bootstrap) as start:
        run = start("-n", "2", HEADRACE_SESSION_TIMEOUT_S=str(SESSION_S))
        run.until_shared(2)
        sleeper = run.pid_of(1)
        running.produce(bootstrap, name, 0, N)
        w.until(lambda: running.n_results(bootstrap, name) > 1_000, "both are in the midst of it")

        os.kill(sleeper, signal.SIGSTOP)
        stopped_at = time.monotonic()
        w.until(lambda: running.committed(bootstrap, name) == N, "the other has done it all", 90)
        w.until(lambda: time.monotonic() - stopped_at > 3 * SESSION_S, "three sessions have passed")
        before = running.n_results(bootstrap, name)
        os.kill(sleeper, signal.SIGCONT)

        death = run.until("worker_died")
        assert (death["worker_pid"], death["exit_code"]) == (sleeper, 1)
        assert "it was silent for longer than its session" in death["last_words"]
        run.until_shared(2)
        assert running.n_results(bootstrap, name) == before
        running.assert_all_there(bootstrap, name, N)
        assert run.end() == 0
