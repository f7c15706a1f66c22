"""What a worker process writes: into a file, or through a pipe to whoever started it."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec

TAIL_LINES = 15
_TAIL_CHARACTERS = 300
_READ_BYTES = 1 << 16
_MOST_BYTES = 1 << 20
"""Read at one look at the most, and kept of a line without an end."""

_STACK = re.compile(r"\s|(Current )?[Tt]hread 0x|Stack \(most|Traceback \(most|Task |$")


class WorkerLog(Protocol):
    """The log of one worker, over all its starts."""

    path: Path

    @property
    def fd(self) -> int | None:
        """What becomes readable when there is something new, if anything does."""
        ...

    def opened(self) -> Any:
        """Yield, as a context, the file descriptor a new process writes to."""
        ...

    def new_lines(self) -> Iterator[bytes]:
        """Yield the lines that were ended since the last call."""
        ...

    def tail(self) -> str:
        """Return the last lines."""
        ...


class LogFile:
    """A file that every start appends to."""

    fd = None

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_bytes = 0

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Yield the file's descriptor; lines before this start are not read."""
        with self.path.open("ab") as log:
            self._read_bytes = log.tell()
            yield log.fileno()

    def new_lines(self) -> Iterator[bytes]:
        """Yield the lines that were ended since the last call."""
        with self.path.open("rb") as log:
            log.seek(self._read_bytes)
            lines = log.readlines()
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._read_bytes += len(line)
            yield line.removesuffix(b"\n")

    def tail(self) -> str:
        """Return the last lines of the file."""
        return _joined(self.path.read_text(errors="replace").splitlines()[-TAIL_LINES:])


class LogPipe:
    """A pipe of our own; what is not read makes the worker wait once 64 KiB lie there."""

    path = Path("/dev/stderr")

    def __init__(self) -> None:
        self.fd: int | None = None
        self._rest = b""
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Yield the end to write to; the pipe of the process before is closed."""
        if self.fd is not None:
            os.close(self.fd)
        self.fd, to = os.pipe()
        os.set_blocking(self.fd, False)
        self._rest = b""
        try:
            yield to
        finally:
            os.close(to)

    def new_lines(self) -> Iterator[bytes]:
        """Yield the lines that were ended since the last call, and at the end what has none."""
        content, is_over = self._read()
        *lines, self._rest = (self._rest + content).split(b"\n")
        if self._rest and (is_over or len(self._rest) > _MOST_BYTES):
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._tail.append(line.decode(errors="replace"))
            yield line

    def _read(self) -> tuple[bytes, bool]:
        """Return what lies in the pipe and whether nobody holds its other end; that closes it."""
        content = b""
        while self.fd is not None and len(content) < _MOST_BYTES:
            try:
                chunk = os.read(self.fd, _READ_BYTES)
            except BlockingIOError:
                return content, False
            if not chunk:
                os.close(self.fd)
                self.fd = None
            content += chunk
        return content, self.fd is None

    def tail(self) -> str:
        """Return the last lines that came."""
        return _joined(self._tail)


def parsed(line: bytes) -> dict[str, Any]:
    """Return a line of the log; one that a model printed, or a crash, is no log line: level ``raw``."""
    try:
        found = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        found = {}
    if {"event", "level"} <= set(found):
        return found
    return {"event": line.decode(errors="replace").rstrip(), "level": "raw"}


class LastWords:
    """What a process told of its end.

    That is the reason in a line of level critical; if there is none, the last line outside the log that is
    no part of a stack: an error.
    """

    def __init__(self) -> None:
        self.text = ""
        self._is_reason = False

    def hear(self, line: dict[str, Any]) -> None:
        """Take in a parsed line."""
        if line["level"] == "critical":
            said = [line.get("reason", line["event"]), line.get("why")]
            self.text, self._is_reason = ": ".join(str(part) for part in said if part), True
        elif line["level"] == "raw" and not self._is_reason and not _STACK.match(line["event"]):
            self.text = line["event"]


def _joined(lines: Any) -> str:
    return "\n".join(line[:_TAIL_CHARACTERS] for line in lines)
