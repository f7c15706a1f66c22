"""A state is captured as it was at an instant; the child that does it leaves nothing behind."""

from __future__ import annotations

import logging
import os
import random
import select
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from river import tree

from headrace.errors import SnapshotError
from headrace.models.digest import digest
from headrace.snapshots.allowed import Allowed
from headrace.snapshots.capture import AT_ONCE_S, BodyCapture, Forked, begin
from headrace.snapshots.pickling import dumps, loads

WAYS = pytest.mark.parametrize("expected_s", [0.0, AT_ONCE_S, None, 10.0])


def done(capture: BodyCapture) -> bytes:
    """Wait for the capture as an event loop would, and return what it made."""
    while not capture.advance(0.001):
        assert isinstance(capture, Forked)
        select.select([capture._pipe], [], [], 30.0)
    body = capture.body()
    capture.close(written=True)
    return body


def restored(body: bytes) -> Any:
    return loads(body, Allowed())


def taught(n: int = 300) -> Any:
    chance = random.Random(3)
    model = tree.HoeffdingTreeClassifier(grace_period=20)
    for _ in range(n):
        x = {"a": chance.random(), "b": chance.gauss(0, 2)}
        model.learn_one(x, x["a"] > x["b"])
    return model


def children() -> set[int]:
    """Return the processes started here that have not been waited for."""
    return {child.pid for child in psutil.Process().children()}


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    def files() -> set[str]:
        return (
            {str(name) for name in Path("/proc/self/fd").iterdir()}
            if Path("/proc/self/fd").exists()
            else set()
        )

    before = len(files()), children()
    yield
    assert (len(files()), children()) == before


@WAYS
def test_a_state_is_captured_as_it_was_at_the_beginning(expected_s: float | None) -> None:
    model = taught()
    at_first = digest(model)

    capture = begin({"step": 3, "model": model}, expected_s=expected_s)
    model.learn_one({"a": 9.0, "b": 9.0}, True)
    state = restored(done(capture))

    assert state["step"] == 3
    assert digest(state["model"]) == at_first != digest(model)


def test_only_what_is_known_to_be_quick_is_pickled_on_the_spot() -> None:
    captures = {
        expected_s: begin([], expected_s=expected_s) for expected_s in (AT_ONCE_S, AT_ONCE_S * 2, None)
    }

    assert [isinstance(capture, Forked) for capture in captures.values()] == [False, True, True]
    for capture in captures.values():
        capture.close(written=False)


def test_a_body_of_several_megabytes_comes_through_the_pipe() -> None:
    state = random.Random(1).randbytes(5_000_000)

    assert restored(done(begin(state, expected_s=None))) == state


def test_no_body_before_it_is_done() -> None:
    capture = begin(taught(), expected_s=None)

    with pytest.raises(RuntimeError, match="not done"):
        capture.body()
    capture.close(written=False)


@WAYS
def test_closing_twice_and_closing_early_do_no_harm(expected_s: float | None) -> None:
    for written in (False, True):
        capture = begin(taught(), expected_s=expected_s)
        capture.close(written=written)
        capture.close(written=written)


def test_a_capture_that_was_closed_goes_no_further() -> None:
    capture = begin(taught(), expected_s=None)
    capture.close(written=False)

    with pytest.raises(RuntimeError, match="closed"):
        capture.advance(0.001)


@WAYS
def test_a_state_that_cannot_be_pickled_is_refused(expected_s: float | None) -> None:
    with pytest.raises(SnapshotError) as caught:
        done(begin({"model": lambda: 0}, expected_s=expected_s))

    assert caught.value.reason == "unpicklable"
    assert "lambda" in caught.value.why


class Dying:
    """Ends the process that pickles it."""

    def __reduce__(self) -> Any:
        os.kill(os.getpid(), signal.SIGKILL)
        return str, ()


class Stuck:
    """Is pickled by waiting for ever."""

    def __reduce__(self) -> Any:
        threading.Event().wait()
        return str, ()


def test_a_child_that_dies_is_an_error() -> None:
    with pytest.raises(SnapshotError) as caught:
        done(begin(Dying(), expected_s=None))

    assert caught.value.reason == "child_died"
    assert "-9" in caught.value.why


def test_a_child_that_takes_too_long_is_ended() -> None:
    capture = Forked(Stuck(), timeout_s=0.0)

    with pytest.raises(SnapshotError) as caught:
        capture.advance(0.001)

    assert caught.value.reason == "timeout"


def test_a_child_that_waits_keeps_nobody_waiting_and_ends_with_the_capture() -> None:
    capture = begin(Stuck(), expected_s=None)

    assert not capture.advance(0.001)
    capture.close(written=False)


class Telling:
    """Is pickled as what the process that does it sees."""

    def __reduce__(self) -> Any:
        seen = {
            "files": len(list(Path("/proc/self/fd").iterdir())) - 1,  # less the one that lists them
            "handlers": [
                signal.getsignal(number) == signal.SIG_DFL for number in (signal.SIGTERM, signal.SIGINT)
            ],
            "wakeup": signal.set_wakeup_fd(-1),
            "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "pid": os.getpid(),
        }
        return dict, (seen,)


def test_a_child_has_none_of_its_parents_files_and_handlers_of_signals(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    with (tmp_path / "lease").open("w"):
        state = restored(done(begin(Telling(), expected_s=None)))
    signal.signal(signal.SIGTERM, before)

    assert state["pid"] != os.getpid()
    assert state["files"] == 4  # three standard ones and the pipe
    assert (state["handlers"], state["wakeup"], state["blocked"]) == ([True, True], -1, 0)


def test_signals_are_handled_again_after_a_fork() -> None:
    begin([], expected_s=None).close(written=False)

    assert {signal.SIGTERM, signal.SIGINT}.isdisjoint(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


class Lingering:
    """Leaves a thread behind: a process that says goodbye would wait for it."""

    def __reduce__(self) -> Any:
        threading.Thread(target=threading.Event().wait).start()
        return str, ()


def test_a_child_ends_at_once_beside_threads_and_locks() -> None:
    started, stop = threading.Event(), threading.Event()

    def hold() -> None:
        with logging.root.handlers[0].lock or threading.Lock():
            started.set()
            stop.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    started.wait()
    try:
        assert restored(done(begin(Lingering(), expected_s=None))) == ""
    finally:
        stop.set()
        thread.join()


def test_what_the_child_took_is_counted() -> None:
    state = [random.Random(i) for i in range(300)]
    started = time.process_time()
    dumps(state)
    alone_s = time.process_time() - started

    capture = begin(state, expected_s=None)
    before_s = capture.cost_s
    done(capture)

    assert capture.cost_s > before_s + alone_s / 10
