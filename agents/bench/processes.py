"""Child processes with a deadline; each answers with one line of JSON."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType, TracebackType
from typing import Any, Self

import orjson

from headrace.errors import HeadraceError

DEADLINE_S = 240.0
"""Longer than any run takes, even where others use the machine."""

_TAIL_LINES = 8


class ContestantError(HeadraceError):
    """A process of the benchmark failed or did not end in time."""


class Child:
    """One process; leaving the ``with`` block ends it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        deadline_s: float = DEADLINE_S,
        env: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._command = [*command, "--deadline-s", str(int(deadline_s))]
        self._deadline_s = deadline_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process = subprocess.Popen(  # noqa: S603 - our own scripts
            self._command,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONHASHSEED": "0", **env},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._errors.close()

    def signal(self, number: int) -> None:
        """Send signal *number*."""
        self._process.send_signal(number)

    def is_running(self) -> bool:
        """Return whether the process has not ended yet."""
        return self._process.poll() is None

    def require_no_failure(self) -> None:
        """Raise `ContestantError` if the process has ended, and not well."""
        if self._process.poll():
            raise self._failed(f"ended early with exit code {self._process.returncode}")

    def require_running(self) -> None:
        """Raise `ContestantError` if the process has ended."""
        if self._process.poll() is not None:
            raise self._failed(f"ended early with exit code {self._process.returncode}")

    def answer(self) -> Any:
        """Wait for the end and return the last line of JSON.

        Raises
        ------
        ContestantError
            If the process fails, says nothing or is late.
        """
        try:
            output, _ = self._process.communicate(timeout=self._deadline_s)
        except subprocess.TimeoutExpired:
            raise self._failed(f"did not end within {self._deadline_s:.0f} s") from None
        lines = [line for line in output.splitlines() if b"{" in line]
        if self._process.returncode != 0 or not lines:
            raise self._failed(f"ended with exit code {self._process.returncode}")
        return orjson.loads(lines[-1][lines[-1].index(b"{") :])

    def _failed(self, what: str) -> ContestantError:
        self._errors.seek(0)
        tail = self._errors.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
        return ContestantError(f"{' '.join(self._command[:3])} {what}", why="\n       ".join(tail))


def answer(command: Sequence[str], env: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Run *command* to its end, with *env* besides the environment, and return its answer."""
    with Child(command, env=env) as child:
        return child.answer()


@contextmanager
def children(commands: Sequence[Sequence[str]]) -> Iterator[list[Child]]:
    """Run *commands* side by side; all have ended when the block is left."""
    started: list[Child] = []
    try:
        for command in commands:
            started.append(Child(command))  # noqa: PERF401 - those started must be ended if one fails
        yield started
    finally:
        for child in started:
            child.__exit__(None, None, None)
