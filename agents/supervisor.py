"""Worker processes of one machine: started, started again when they die, and ended at any moment."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from agents.backoff import CRASH_LIMIT, CRASH_WINDOW_S, Backoff
from agents.worker_log import LastWords, LogFile, LogPipe, WorkerLog, parsed
from headrace.errors import HeadraceError

STOP_TIMEOUT_S = 13.0
"""A worker ends itself within 12 s, the hard way if need be; after this it is killed."""

LOOK_INTERVAL_S = 0.05

PERMANENT = {2: "usage", 4: "a check failed"}
"""Exit codes after which a worker would only end in the same way again."""

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class WorkerProcess:
    """One worker in a process group of its own.

    Attributes
    ----------
    address
        Where its `/ready` and `/metrics` are, once its log says so.
    partitions
        What it holds, ``None`` until it has joined its group.
    """

    def __init__(self, number: int, arguments: Sequence[str], log: WorkerLog, env: Mapping[str, str]) -> None:
        self.number = number
        self.log = log
        self._env = {**env, "PYTHONHASHSEED": "0"}
        self.address: str | None = None
        self.partitions: list[int] | None = None
        self._last_words = LastWords()
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the last start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs, or before it was started."""
        return None if self._process is None else self._process.poll()

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def last_words(self) -> str:
        """What it said of its end: the error it ended with, or ""."""
        return self._last_words.text

    @property
    def log_path(self) -> Path:
        """Where its log is."""
        return self.log.path

    def start(self) -> None:
        """Start the process; on Linux it dies with this one, whatever happens."""
        self.address = self.partitions = None
        self._last_words = LastWords()
        with self.log.opened() as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "headrace", "worker", *self._arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - touches libc only
                env=os.environ | self._env,
            )

    def terminate(self) -> None:
        """Ask it to stop."""
        if self._process is not None:
            self._process.terminate()

    def kill(self) -> None:
        """End it for certain."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def new_log_lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it logged since the last call; lines that are no JSON (a crash) as ``event``."""
        for line in self.log.new_lines():
            found = parsed(line)
            self._learn(found)
            yield found

    def _learn(self, line: dict[str, Any]) -> None:
        if line["event"] == "worker_starting":
            self.address = line.get("http")
        elif line["event"] == "assigned":
            self.partitions = line.get("partitions")
        self._last_words.hear(line)

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        return self.log.tail()


class Death(NamedTuple):
    """A worker that ended without being asked to, and will be started again after *delay_s*."""

    number: int
    pid: int | None
    exit_code: int | None
    last_words: str
    delay_s: float

    def __str__(self) -> str:
        words = f" ({self.last_words})" if self.last_words else ""
        ended = f"worker {self.number} (pid {self.pid}) {ending(self.exit_code)}{words}"
        return f"{ended}; starts again in {self.delay_s:.1f} s"


class Supervisor:
    """Keeps *n* workers of a pipeline running.

    Parameters
    ----------
    target
        As ``headrace worker`` takes it.
    n
        How many.
    log_dir
        Gets ``worker-1.log``, ``worker-2.log`` ...; with ``None`` what they write is only given to *on_log*.
    options
        Further arguments of ``headrace worker``.
    env
        Further environment variables, the same for all.
    own_env
        Those of the worker with this number.
    say
        Told, in a sentence, what happens to a worker.
    on_log
        Told every line a worker logs.
    on_death
        Told of every worker that will be started again.
    chance
        Where the jitter of restarts comes from.
    """

    def __init__(  # noqa: PLR0913 - callbacks with defaults
        self,
        target: str,
        n: int,
        log_dir: Path | None,
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] = MappingProxyType({}),
        own_env: Callable[[int], Mapping[str, str]] = lambda _: {},
        say: Callable[[str], None] = lambda _: None,
        on_log: Callable[[WorkerProcess, dict[str, Any]], None] = lambda _, __: None,
        on_death: Callable[[Death], None] = lambda _: None,
        chance: random.Random | None = None,
    ) -> None:
        arguments = [target, "--log-level", "info", *options]
        logs: list[WorkerLog] = [LogPipe() for _ in range(n)]
        if log_dir is not None:
            log_dir.mkdir(parents=True, exist_ok=True)
            logs = [LogFile(log_dir / f"worker-{i}.log") for i in range(1, n + 1)]
        env = {"HEADRACE_HTTP_PORT": "0", **env}
        self.workers = [
            WorkerProcess(i, arguments, log, {**env, **own_env(i)}) for i, log in enumerate(logs, start=1)
        ]
        self.restarts = 0
        self._say = say
        self._on_log = on_log
        self._on_death = on_death
        chance = chance or random.Random()  # noqa: S311 - spreads restarts, keeps no secrets
        self._backoffs = {worker: Backoff(chance) for worker in self.workers}
        self._due: dict[WorkerProcess, float] = {}
        self._kill_at: dict[WorkerProcess, float] = {}

    def __enter__(self) -> Self:
        try:
            for worker in self.workers:
                worker.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End all workers: politely, then not; what they still say is heard."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for worker in self.workers:
            worker.terminate()
        while any(worker.is_running for worker in self.workers) and time.monotonic() < deadline:
            self._read_logs()
            time.sleep(LOOK_INTERVAL_S)
        for worker in self.workers:
            worker.kill()
        self._read_logs()

    def check(self, now: float) -> None:
        """Read logs, notice who died, start again whose time has come; call it a few times a second.

        Raises
        ------
        HeadraceError
            If a worker died `CRASH_LIMIT` times within `CRASH_WINDOW_S` or without joining its group, or once
            of something that will not mend itself (`PERMANENT`); with the end of its log.
        """
        self._read_logs()
        for worker in self.workers:
            if worker in self._due:
                if now >= self._due[worker]:
                    del self._due[worker]
                    worker.start()
                    self.restarts += 1
            elif worker in self._kill_at:
                self._end(worker, now)
            elif worker.exit_code is not None:
                self._died(worker, now)

    def restart(self, worker: WorkerProcess, now: float) -> None:
        """Ask *worker* to stop, and start it again as soon as it has; `check` does the rest."""
        if worker in self._due:  # it is down already
            return
        self._kill_at[worker] = now + STOP_TIMEOUT_S
        worker.terminate()

    def _end(self, worker: WorkerProcess, now: float) -> None:
        if now >= self._kill_at[worker]:
            worker.kill()
        if worker.exit_code is not None:
            self._read_log(worker)
            del self._kill_at[worker]
            self._due[worker] = now

    def _read_logs(self) -> None:
        for worker in self.workers:
            self._read_log(worker)

    def _read_log(self, worker: WorkerProcess) -> None:
        for line in worker.new_log_lines() if worker.pid else ():
            self._on_log(worker, line)

    def _died(self, worker: WorkerProcess, now: float) -> None:
        self._read_log(worker)  # what it wrote between our last look and its end
        joined, worker.partitions = worker.partitions is not None, None
        delay_s = self._backoffs[worker].crashed(now, joined=joined)
        hopeless = PERMANENT.get(worker.exit_code or 0)
        if delay_s is None or hopeless:
            when = f"within {CRASH_WINDOW_S:.0f} s" if joined else "before it joined"
            ended = f"worker {worker.number} (pid {worker.pid}) {ending(worker.exit_code)}"
            raise HeadraceError(
                f"{ended}, {hopeless or f'{CRASH_LIMIT} times {when}'}: giving up",
                why=f"its log ends:\n{worker.log_tail()}",
                fix=f"the whole log: {worker.log_path}",
            )
        death = Death(worker.number, worker.pid, worker.exit_code, worker.last_words, delay_s)
        self._say(str(death))
        self._on_death(death)
        self._due[worker] = now + delay_s


def ending(code: int | None) -> str:
    """Return how a process ended, as the end of a sentence."""
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _die_with(parent: int) -> Callable[[], None]:
    def ask() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before we could ask
                os._exit(1)

    return ask
