"""Worker processes of one machine: started, started again when they die, and ended at any moment."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import msgspec

from headrace.errors import HeadraceError

STOP_TIMEOUT_S = 12.0
"""A worker gives itself 10 s; after this it is killed."""

PERMANENT = {2: "usage", 4: "a check failed"}
"""Exit codes after which a worker would only end in the same way again."""

CRASH_LIMIT = 5
CRASH_WINDOW_S = 60.0
FIRST_DELAY_S = 0.5
LOG_TAIL_LINES = 15

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


class Backoff:
    """When to start a process again that died: 0.5 s, 1 s, 2 s ... after each crash of the last minute."""

    def __init__(self) -> None:
        self._crashes: deque[float] = deque()

    def crashed(self, now: float) -> float | None:
        """Note a crash at *now*; return how long to wait, or ``None`` to give up."""
        self._crashes.append(now)
        while now - self._crashes[0] > CRASH_WINDOW_S:
            self._crashes.popleft()
        if len(self._crashes) >= CRASH_LIMIT:
            return None
        return FIRST_DELAY_S * 2.0 ** (len(self._crashes) - 1)


class WorkerProcess:
    """One worker in a process group of its own, its log in a file.

    Attributes
    ----------
    address
        Where its `/ready` and `/metrics` are, once its log says so.
    partitions
        What it holds, ``None`` until it has joined its group.
    last_words
        The last thing it said outside its log lines: the error it ended with, or "".
    """

    def __init__(self, number: int, arguments: Sequence[str], log_path: Path, env: Mapping[str, str]) -> None:
        self.number = number
        self.log_path = log_path
        self._env = {**env, "PYTHONHASHSEED": "0"}
        self.address: str | None = None
        self.partitions: list[int] | None = None
        self.last_words = ""
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None
        self._read_bytes = 0

    @property
    def pid(self) -> int | None:
        """Process id of the last start."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs, or before it was started."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the process; on Linux it dies with this one, whatever happens."""
        self.address = self.partitions = None
        self.last_words = ""
        with self.log_path.open("ab") as log:
            self._read_bytes = log.tell()
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
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, timeout_s: float) -> None:
        """Wait until it has ended; kill it after *timeout_s*."""
        if self._process is None:
            return
        try:
            self._process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def new_log_lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it logged since the last call; lines that are no JSON (a crash) as ``event``."""
        with self.log_path.open("rb") as log:
            log.seek(self._read_bytes)
            lines = log.readlines()
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._read_bytes += len(line)
            found = _parsed(line)
            self._learn(found)
            yield found

    def _learn(self, line: dict[str, Any]) -> None:
        if line["event"] == "worker_starting":
            self.address = line.get("http")
        elif line["event"] == "assigned":
            self.partitions = line.get("partitions")
        elif line["level"] == "raw" and line["event"][:1].strip():  # neither indented nor empty
            self.last_words = line["event"]

    def log_tail(self) -> str:
        """Return the last lines of its log."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        return "\n".join(line[:300] for line in lines[-LOG_TAIL_LINES:])


class Supervisor:
    """Keeps *n* workers of a pipeline running.

    Parameters
    ----------
    target
        As ``headrace worker`` takes it.
    n
        How many.
    log_dir
        Gets ``worker-1.log``, ``worker-2.log`` ...
    options
        Further arguments of ``headrace worker``.
    env
        Further environment variables.
    say
        Told, in a sentence, what happens to a worker.
    on_log
        Told every line a worker logs.
    """

    def __init__(  # noqa: PLR0913 - two callbacks with defaults
        self,
        target: str,
        n: int,
        log_dir: Path,
        *,
        options: Sequence[str] = (),
        env: Mapping[str, str] = MappingProxyType({}),
        say: Callable[[str], None] = lambda _: None,
        on_log: Callable[[WorkerProcess, dict[str, Any]], None] = lambda _, __: None,
    ) -> None:
        arguments = [target, "--http-port", "0", "--log-level", "info", *options]
        log_dir.mkdir(parents=True, exist_ok=True)
        self.workers = [
            WorkerProcess(i, arguments, log_dir / f"worker-{i}.log", env) for i in range(1, n + 1)
        ]
        self.restarts = 0
        self._say = say
        self._on_log = on_log
        self._backoffs = {worker: Backoff() for worker in self.workers}
        self._due: dict[WorkerProcess, float] = {}

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
        """End all workers: politely, then not."""
        deadline = time.monotonic() + STOP_TIMEOUT_S
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait(deadline - time.monotonic())

    def check(self, now: float) -> None:
        """Read logs, notice who died, start again whose time has come; call it a few times a second.

        Raises
        ------
        HeadraceError
            If a worker died `CRASH_LIMIT` times within `CRASH_WINDOW_S`, or once of something that will not
            mend itself (`PERMANENT`); with the end of its log.
        """
        for worker in self.workers:
            self._read_log(worker)
            if worker in self._due:
                if now >= self._due[worker]:
                    del self._due[worker]
                    worker.start()
                    self.restarts += 1
            elif worker.exit_code is not None:
                self._died(worker, now)

    def _read_log(self, worker: WorkerProcess) -> None:
        for line in worker.new_log_lines():
            self._on_log(worker, line)

    def _died(self, worker: WorkerProcess, now: float) -> None:
        self._read_log(worker)  # what it wrote between our last look and its end
        worker.partitions = None
        delay_s = self._backoffs[worker].crashed(now)
        ended = f"worker {worker.number} (pid {worker.pid}) {_ending(worker.exit_code)}"
        hopeless = PERMANENT.get(worker.exit_code or 0)
        if delay_s is None or hopeless:
            often = f"{CRASH_LIMIT} times within {CRASH_WINDOW_S:.0f} s"
            raise HeadraceError(
                f"{ended}, {hopeless or often}: giving up",
                why=f"its log ends:\n{worker.log_tail()}",
                fix=f"the whole log: {worker.log_path}",
            )
        words = f" ({worker.last_words})" if worker.last_words else ""
        self._say(f"{ended}{words}; starts again in {delay_s:g} s")
        self._due[worker] = now + delay_s


def _parsed(line: bytes) -> dict[str, Any]:
    """Return a line of the log; one that a model printed, or a crash, is no log line."""
    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        found = {}
    if {"event", "level"} <= set(found):
        return found
    return {"event": line.decode(errors="replace").rstrip(), "level": "raw"}


def _die_with(parent: int) -> Callable[[], None]:
    def ask() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before we could ask
                os._exit(1)

    return ask


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
