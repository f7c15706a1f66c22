"""A run whose worker is killed again and again, and whether its state is that of an undisturbed fold."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import orjson

from agents.bench.flights.pipelines import TARGET
from agents.bench.flights.progress import n_taken_in
from agents.bench.processes import Child, ContestantError
from agents.flights.pipeline import build
from streams import client, groups, reading

POLL_S = 0.05
STOP_S = 60.0

_FIRST, _LAST = 0.02, 0.95
"""Kills fall between these shares of what is taken in."""

_DELAY_S = 0.3
"""A kill comes up to so much later, so that it falls anywhere between commits and snapshots."""

Kill = tuple[int, float]
"""How many records are taken in before it, and how many seconds later it comes."""


def moments(n_kills: int, n_records: int, seed: int) -> list[Kill]:
    """Return when to kill, in order."""
    chance = random.Random(seed)  # noqa: S311 - kills keep no secrets
    shares = sorted(chance.uniform(_FIRST, _LAST) for _ in range(n_kills))
    return [(int(share * n_records), chance.uniform(0.0, _DELAY_S)) for share in shares]


class MortalWorker:
    """``headrace worker``, begun anew when it is killed, as a supervisor would do."""

    def __init__(self, bootstrap: str, env: Mapping[str, str]) -> None:
        self._bootstrap = bootstrap
        self._env = env
        self._process = self._started()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()

    def kill(self) -> None:
        """Kill it with SIGKILL and start the next one.

        Raises
        ------
        ContestantError
            If it has ended by itself before.
        """
        self.require_running()
        self._process.kill()
        self._process.wait()
        self._process = self._started()

    def require_running(self) -> None:
        """Raise `ContestantError` if the worker has ended by itself."""
        if self._process.poll() is not None:
            raise ContestantError(f"the worker ended by itself with exit code {self._process.returncode}")

    def stop(self) -> None:
        """Let it write its state down and leave.

        Raises
        ------
        ContestantError
            If it does not end as it should.
        """
        self._process.terminate()
        try:
            code = self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise ContestantError(f"the worker did not stop within {STOP_S:.0f} s") from None
        if code != 0:
            raise ContestantError(f"the worker stopped with exit code {code}")

    def _started(self) -> subprocess.Popen[bytes]:
        options = ("--http-port", "0", "--log-level", "error")
        command = headrace("worker", TARGET, "--bootstrap", self._bootstrap, *options)
        return subprocess.Popen(command, env=_full(self._env), stdin=subprocess.DEVNULL)  # noqa: S603 - our own


async def disturb(
    bootstrap: str, name: str, worker: MortalWorker, feeder: Child, kills: Sequence[Kill]
) -> None:
    """Kill *worker* at each of *kills*; return when all is sent and taken in, and nothing is left to fold.

    Raises
    ------
    ContestantError
        If the feeder fails, or the worker ends by itself.
    """
    waiting = list(kills)
    async with client.admin(bootstrap) as admin, client.reader(bootstrap) as consumer:
        while waiting or feeder.is_running() or await _lag(admin, consumer, name):
            feeder.require_no_failure()
            worker.require_running()
            if waiting and await n_taken_in(admin, name) >= waiting[0][0]:
                await asyncio.sleep(waiting.pop(0)[1])
                worker.kill()
            await asyncio.sleep(POLL_S)


async def _lag(admin: Any, consumer: Any, name: str) -> int:
    """Return how many records of the sources and of the log are not done with."""
    pipeline = build(name)
    lag = 0
    for topic in (*(source.topic for source in pipeline.log_sources), pipeline.log.name):
        ends = await reading.end_offsets(consumer, topic)
        done = await groups.committed(admin, name, topic, list(ends))
        lag += sum(end - done.get(number, 0) for number, end in ends.items())
    return lag


async def log_ends(bootstrap: str, name: str) -> dict[int, int]:
    """Return where each partition of the log ends."""
    async with client.reader(bootstrap) as consumer:
        return await reading.end_offsets(consumer, build(name).log.name)


def verify(bootstrap: str, env: Mapping[str, str], deadline_s: float) -> list[dict[str, Any]]:
    """Return what ``headrace verify`` says of each partition.

    Raises
    ------
    ContestantError
        If it cannot compare.
    """
    command = headrace("verify", TARGET, "--bootstrap", bootstrap, "--json")
    done = subprocess.run(command, env=_full(env), capture_output=True, timeout=deadline_s, check=False)  # noqa: S603 - our own
    if not done.stdout:
        raise ContestantError("headrace verify could not compare", why=done.stderr.decode()[-500:])
    found: list[dict[str, Any]] = orjson.loads(done.stdout)
    return found


def n_identical(verdicts: Sequence[Mapping[str, Any]], ends: Mapping[int, int]) -> int:
    """Return how many partitions have the state of a fold of their log up to its end, *ends*, bit by bit."""
    return sum(v["identical"] and v["offset"] == ends[v["partition"]] for v in verdicts)


def headrace(*words: str) -> list[str]:
    """Return the command line of headrace's own command."""
    return [sys.executable, "-m", "headrace", *words]


def _full(env: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0", **env}
