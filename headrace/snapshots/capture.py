"""A state at an instant on its way to bytes: small ones at once, big ones in a forked child.

The child has the parent's memory as it was at the fork, so the parent goes on at once. It pickles,
compresses, writes to a pipe and ends without any of Python's farewells; of the parent's files it keeps none.
"""

from __future__ import annotations

import fcntl
import gc
import os
import signal
import struct
import time
import warnings
from contextlib import suppress
from typing import Any, NoReturn, Protocol

import msgspec

from headrace.errors import SnapshotError
from headrace.snapshots.pickling import dumps

AT_ONCE_S = 0.008
"""A state that takes no longer is pickled on the spot: a fork blocks about as long."""

CHILD_TIMEOUT_S = 120.0

_NICENESS = 5  # where there are not processors enough, the parent goes first
_DONE, _FAILED = b"D", b"F"
_FRAME = struct.Struct(">cQ")
_PIPE_BYTES = 1 << 20  # Linux gives 64 KiB unless asked, and then each read is a wait for the child
_READ_BYTES = 1 << 20
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class BodyCapture(Protocol):
    """A state on its way to the body of a snapshot."""

    @property
    def cost_s(self) -> float:
        """Seconds of processor time so far, those of a child included."""
        ...

    def advance(self, budget_s: float) -> bool:
        """Work for at most about *budget_s*, never wait; return whether all is done.

        Raises
        ------
        SnapshotError
            If the state cannot be written.

        """
        ...

    def body(self) -> bytes:
        """Return the bytes, once `advance` has returned True."""
        ...

    def close(self, *, written: bool) -> None:
        """End, done or not; no child is left behind."""
        ...


def begin(state: Any, *, expected_s: float | None) -> BodyCapture:
    """Capture *state* as it is now; *expected_s* is what it took last time, ``None`` if that is not known.

    Raises
    ------
    SnapshotError
        If the state cannot be pickled, or no child can be made.

    """
    if expected_s is not None and expected_s <= AT_ONCE_S:
        return _AtOnce(state)
    return Forked(state)


class _AtOnce:
    def __init__(self, state: Any) -> None:
        started = time.thread_time()
        self._body = dumps(state)
        self.cost_s = time.thread_time() - started

    def advance(self, budget_s: float) -> bool:
        return True

    def body(self) -> bytes:
        return self._body

    def close(self, *, written: bool) -> None:
        self._body = b""


class Forked:
    """A state that a child pickles.

    Parameters
    ----------
    timeout_s
        A child that takes longer is killed.

    """

    def __init__(self, state: Any, timeout_s: float = CHILD_TIMEOUT_S) -> None:
        started = time.thread_time()
        self._received = bytearray()
        self._timeout_s = timeout_s
        self._deadline = time.monotonic() + timeout_s
        self._body: bytes | None = None
        self._child_cost_s = 0.0
        self._child, self._pipe = _forked(state)
        self._is_open = True
        self._own_cost_s = time.thread_time() - started

    @property
    def cost_s(self) -> float:
        """Seconds of processor time so far; the child's are known once it has ended."""
        return self._own_cost_s + self._child_cost_s

    def advance(self, budget_s: float) -> bool:
        """Read what the child has written so far; return whether that is all."""
        if self._body is not None:
            return True
        if not self._is_open:
            raise RuntimeError("the capture is closed")
        started = time.thread_time()
        try:
            if self._read(time.monotonic() + budget_s):
                self._body = self._checked(self._end())
        except SnapshotError:
            self.close(written=False)
            raise
        finally:
            self._own_cost_s += time.thread_time() - started
        return self._body is not None

    def body(self) -> bytes:
        """Return the bytes, once `advance` has returned True."""
        if self._body is None:
            raise RuntimeError("the capture is not done")
        return self._body

    def close(self, *, written: bool) -> None:
        """End, and the child with it."""
        if self._is_open:
            os.kill(self._child, signal.SIGKILL)
            self._end()

    def _read(self, until: float) -> bool:
        """Read until nothing more is there, or *until*; return whether the child has closed the pipe."""
        while True:
            try:
                chunk = os.read(self._pipe, _READ_BYTES)
            except BlockingIOError:
                chunk = None
            if chunk == b"":
                return True
            self._received += chunk or b""
            now = time.monotonic()
            if now > self._deadline:
                raise SnapshotError(
                    "timeout",
                    f"the state was not pickled within {self._timeout_s:g} s",
                    fix="bound the model (max_depth, max_size, n_models)",
                )
            if chunk is None or now >= until:
                return False

    def _checked(self, status: int | None) -> bytes:
        """Return what the child made, if it came whole."""
        kind, size = _FAILED, -1
        if len(self._received) >= _FRAME.size:
            kind, size = _FRAME.unpack_from(self._received)
        content = bytes(memoryview(self._received)[_FRAME.size :])
        self._received.clear()
        if len(content) != size:
            raise SnapshotError(
                "child_died",
                "the process that pickled the state died",
                why=f"exit status {status}; -9 can mean that memory ran out",
            )
        if kind == _FAILED:
            reason, what, why, fix = msgspec.json.decode(content, type=tuple[str, str, str, str])
            raise SnapshotError(reason, what, why=why, fix=fix)
        return content

    def _end(self) -> int | None:
        """Close the pipe and wait for the child, which ends; return its exit status if it is known."""
        self._is_open = False
        os.close(self._pipe)
        try:
            _, status, usage = os.wait4(self._child, 0)
        except ChildProcessError:  # someone else waits for all children of this process
            return None
        self._child_cost_s = usage.ru_utime + usage.ru_stime
        return os.waitstatus_to_exitcode(status)


def _forked(state: Any) -> tuple[int, int]:
    """Return the id of a child that pickles *state*, and the pipe to read from."""
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    _enlarge(write_end)
    # A signal between the fork and the child's reset of handlers would run the parent's in the child.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with warnings.catch_warnings():
            # Python 3.12 warns that other threads may hold locks: the child takes none of theirs.
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            _be_child(state, write_end)
    except OSError as error:
        os.close(read_end)
        raise SnapshotError("fork", "no process can be made to pickle the state", why=str(error)) from error
    finally:
        os.close(write_end)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return child, read_end


def _enlarge(pipe: int) -> None:
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):  # the user has too many pipes; it works without
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _be_child(state: Any, pipe: int) -> NoReturn:
    """Write *state* to *pipe* and end, whatever happens."""
    try:
        _let_go(pipe)
        try:
            kind, content = _DONE, dumps(state)
        except SnapshotError as error:
            kind, content = _FAILED, msgspec.json.encode((error.reason, error.what, error.why, error.fix))
        _write(pipe, _FRAME.pack(kind, len(content)))
        _write(pipe, content)
        os._exit(0)
    finally:
        os._exit(1)


def _let_go(pipe: int) -> None:
    """Drop what came from the parent: files, handlers of signals, the collector, which would copy memory."""
    gc.disable()
    os.nice(_NICENESS)
    signal.set_wakeup_fd(-1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, os.sysconf("SC_OPEN_MAX"))


def _write(pipe: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(pipe, view) :]
