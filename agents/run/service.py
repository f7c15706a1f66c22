"""Keeps workers running, says what happens to them in log lines, and obeys signals."""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import structlog

from agents.interrupts import Interrupts
from agents.run.rolling import Restarted, RollingRestart
from agents.supervisor import Death, Supervisor, WorkerProcess
from headrace.pipeline import Pipeline
from headrace.settings import Settings

log = structlog.get_logger(__name__)

CHECK_INTERVAL_S = 0.1
RESTART_S = 10.0
"""What to allow for the restart of a worker with little to replay: up to 2 s to stop, 3 s to start, join."""

_LEVELS = ("debug", "info", "warning", "error", "critical")


class Options(msgspec.Struct, frozen=True):
    """What the command line says; ``settings.bootstrap`` is set.

    ``log_dir`` gets a file per worker; with ``None`` their lines go to standard error, each with its worker.
    ``is_static`` gives each worker a name of its own in the group, which survives its restart.
    """

    target: str
    workers: int
    settings: Settings
    log_dir: Path | None = None
    is_static: bool = False


class Service:
    """The workers of a pipeline on this host.

    Parameters
    ----------
    interrupts
        Already entered: SIGTERM and SIGINT end the service at any moment.
    """

    def __init__(self, pipeline: Pipeline, options: Options, interrupts: Interrupts) -> None:
        self._pipeline = pipeline
        self._options = options
        self._interrupts = interrupts
        self._shown_from = _LEVELS.index(options.settings.log_level)
        self._hangup = False
        self.supervisor = Supervisor(
            options.target,
            options.workers,
            options.log_dir,
            options=self._worker_options(),
            own_env=self._own_env,
            on_log=self._relay,
            on_death=_tell_death,
        )
        self._rolling = RollingRestart(self.supervisor, self._tell_restarted)

    def run(self) -> int:
        """Run until a signal ends it; return the exit code: 0 if all workers ended in order.

        Raises
        ------
        HeadraceError
            If a worker dies again and again; all others are ended.
        """
        self._begin()
        try:
            with self.supervisor:
                while True:
                    self._look()
        except KeyboardInterrupt:
            return self._ended()

    def hang_up(self, *_: object) -> None:
        """Begin a rolling restart at the next look; a handler of SIGHUP."""
        self._hangup = True

    def _begin(self) -> None:
        settings = self._options.settings
        if not sys.stderr.isatty():  # a terminal that is closed also sends it, and means the end
            signal.signal(signal.SIGHUP, self.hang_up)
        log.info(
            "supervisor_starting",
            pipeline=self._pipeline.label,
            workers=self._options.workers,
            pid=os.getpid(),
            static=self._options.is_static,
        )
        if self._options.is_static and settings.session_timeout_s < RESTART_S:
            log.warning(
                "session_timeout_short",
                session_timeout_s=settings.session_timeout_s,
                reason=f"a restart takes up to {RESTART_S:.0f} s; a worker away for longer than its session "
                "loses its partitions, and a rolling restart moves them",
            )

    def _look(self) -> None:
        now = time.monotonic()
        self.supervisor.check(now)
        if self._hangup:
            self._hangup = False
            log.info("rolling_restart_begins", workers=self._options.workers)
            self._rolling.begin()
        was_going_on = self._rolling.is_going_on
        self._rolling.step(now)
        if was_going_on and not self._rolling.is_going_on:
            log.info("rolling_restart_done")
        pipes = [w.log.fd for w in self.supervisor.workers if w.log.fd is not None]
        select.select(pipes, [], [], CHECK_INTERVAL_S)

    def _ended(self) -> int:
        codes = [worker.exit_code for worker in self.supervisor.workers]
        in_order = all(code in {0, None} for code in codes)
        tell = log.info if in_order else log.warning
        tell("supervisor_stopped", signal=self._interrupts.number, exit_codes=codes)
        return 0 if in_order else 1

    def _tell_restarted(self, restarted: Restarted) -> None:
        took_s = round(restarted.took_s, 2)
        log.info("worker_restarted", worker=restarted.number, worker_pid=restarted.pid, took_s=took_s)
        limit_s = self._options.settings.session_timeout_s
        if self._options.is_static and restarted.took_s > limit_s:
            log.warning("restart_outlasted_session", worker=restarted.number, took_s=took_s, limit_s=limit_s)

    def _relay(self, worker: WorkerProcess, line: dict[str, Any]) -> None:
        """Write a worker's line to standard error with its number, if it is one to be shown."""
        if self._options.log_dir is not None:
            return
        level = line["level"]
        if level in _LEVELS and _LEVELS.index(level) < self._shown_from:
            return
        with suppress(OSError):  # nobody reads it any more
            sys.stderr.write(msgspec.json.encode({"worker": worker.number, **line}).decode() + "\n")
            sys.stderr.flush()

    def _worker_options(self) -> Sequence[str]:
        settings = self._options.settings
        chosen = ["--bootstrap", settings.bootstrap or "", "--http-host", settings.http_host]
        return [*chosen, "--log-level", "debug"] if settings.log_level == "debug" else chosen

    def _own_env(self, number: int) -> dict[str, str]:
        first = self._options.settings.http_port
        own = {"HEADRACE_HTTP_PORT": str(first + number - 1 if first else 0)}
        if self._options.is_static:
            own["HEADRACE_INSTANCE_ID"] = instance_id(self._pipeline.name, number)
        return own


def instance_id(pipeline: str, number: int, host: str | None = None) -> str:
    """Return the name of a worker as a static member of its group, in the characters Kafka allows."""
    host = re.sub(r"[^a-zA-Z0-9._-]", "-", host or socket.gethostname())
    return f"{host[:120]}-{pipeline}-{number}"


def _tell_death(death: Death) -> None:
    log.error(
        "worker_died",
        worker=death.number,
        worker_pid=death.pid,
        exit_code=death.exit_code,
        last_words=death.last_words,
        restart_in_s=round(death.delay_s, 2),
    )
