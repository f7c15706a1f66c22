"""One ``headrace worker`` process, and what its log tells."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
_LIBRARIES = ("aiokafka", "faust", "mode")


class Said(NamedTuple):
    """A line of a worker's log; *at* is seconds since 1970."""

    at: float
    slot: int
    pid: int
    event: str
    fields: Mapping[str, Any]


class Process:
    """A worker from its start to its end.

    Attributes
    ----------
    last_words
        The error it ended with, or "": the last critical line of its log, or what it wrote beside its log.
    """

    def __init__(self, slot: int, arguments: Sequence[str], log_path: Path, env: Mapping[str, str]) -> None:
        self.slot = slot
        self.last_words = ""
        self._log_path = log_path
        with log_path.open("ab") as log:
            self._read_bytes = log.tell()
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "headrace", "worker", *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=_die_with(os.getpid()),  # noqa: PLW1509 - touches libc only
                env=env,
            )

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """``None`` while it runs."""
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        self._process.send_signal(number)

    def end(self, timeout_s: float) -> None:
        """Wait until it has ended; kill it after *timeout_s*."""
        try:
            self._process.wait(max(0.0, timeout_s))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def new_lines(self) -> Iterator[Said]:
        """Yield what it logged itself since the last call, not what libraries did."""
        with self._log_path.open("rb") as log:
            log.seek(self._read_bytes)
            lines = log.readlines()
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._read_bytes += len(line)
            said = self._parsed(line)
            if said is not None:
                yield said

    def log_tail(self, n: int = 15) -> str:
        """Return the last lines of its log."""
        return "\n".join(line[:300] for line in self._log_path.read_text(errors="replace").splitlines()[-n:])

    def _parsed(self, line: bytes) -> Said | None:
        try:
            fields = json.loads(line)
            at = datetime.fromisoformat(fields["timestamp"]).timestamp()
            event, logger = str(fields["event"]), str(fields.get("logger"))
        except (ValueError, KeyError, TypeError):
            if line[:1].strip():  # neither empty nor indented
                self.last_words = line.decode(errors="replace").strip()
            return None
        if logger.startswith(_LIBRARIES):
            return None
        if fields.get("level") in {"error", "critical"}:
            self.last_words = f"{event}: {fields.get('reason', '')}"
        return Said(at, self.slot, self.pid, event, fields)


def _die_with(parent: int) -> Callable[[], None]:
    """Return what makes a child die with *parent*, whatever ends it."""

    def ask() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:  # it died before we could ask
                os._exit(1)

    return ask
