"""Work shared by several processes: started, listened to, and all ended in any case."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sysconfig
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

import headrace
from headrace import logs
from headrace.errors import HeadraceError

Tell = Callable[[Any], None]
"""Sends news of the work to whoever waits for it."""

_PRELOADED = ("agents.travel.refold",)
"""Imports the models' and Kafka's libraries, once for all processes."""

_SHORT_BYTES = 60
"""A folder's name of so many leaves room for that of a socket: 104 bytes in all on macOS, 108 on Linux."""

_T = TypeVar("_T")


def run(work: Callable[..., _T], shares: Sequence[tuple[Any, ...]], tell: Tell = lambda _: None) -> list[_T]:
    """Call ``work(*share, tell)`` in a process of its own for each share; return the answers in order.

    All have the hash seed of workers, 0: some models iterate over sets. *tell* gets what each tells.

    Raises
    ------
    Exception
        Whatever the first of them raises; the others are ended then.
    """
    # A fork of this process would share its loop and sockets; of the server it shares what is imported.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([work.__module__, *_PRELOADED])
    answers: list[Any] = [None] * len(shares)
    ends: dict[Connection, tuple[int, BaseProcess]] = {}
    try:
        with _environment_of_workers(), _short_temporary_folder():
            for number, share in enumerate(shares):
                ours, theirs = context.Pipe()
                child: BaseProcess = context.Process(target=_child, args=(work, share, theirs), daemon=True)
                child.start()
                theirs.close()
                ends[ours] = number, child
        while ends:
            for ready in wait(list(ends)):
                if isinstance(ready, Connection):
                    _listen(ready, ends, answers, tell)
    finally:
        for _, child in ends.values():
            child.kill()
            child.join()
    return answers


def _listen(
    ready: Connection, ends: dict[Connection, tuple[int, BaseProcess]], answers: list[Any], tell: Tell
) -> None:
    number, child = ends[ready]
    try:
        kind, content = ready.recv()
    except EOFError:
        child.join()
        raise HeadraceError(
            "a process ended in the middle of its work",
            why=f"exit code {child.exitcode}: a negative one is a signal, -9 often means too little memory",
            fix="--workers 1 takes less memory",
        ) from None
    if kind == "news":
        tell(content)
    elif kind == "failed":
        raise content
    else:
        answers[number] = content
        del ends[ready]
        child.join()


def _child(work: Callable[..., Any], share: tuple[Any, ...], back: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is asked too, and ends us
    logs.configure("warning")
    with suppress(BrokenPipeError):  # the parent is gone: nobody wants to know
        try:
            answer = work(*share, lambda news: back.send(("news", news)))
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised again in the parent
            if not isinstance(error, HeadraceError):
                error.add_note(traceback.format_exc())
            back.send(("failed", error))
        else:
            back.send(("done", answer))


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    """Let processes start as workers do; a folder of the user's must not stand in for a package of ours."""
    root = str(Path(headrace.__file__).parents[1])
    ours = [] if root == sysconfig.get_path("purelib") else [root]
    path = os.pathsep.join([*ours, *filter(None, [os.environ.get("PYTHONPATH")])])
    wanted = {"PYTHONHASHSEED": "0", "PYTHONSAFEPATH": "1"} | ({"PYTHONPATH": path} if path else {})
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _short_temporary_folder() -> Iterator[None]:
    """Let the fork server put its socket where its name is short enough, wherever TMPDIR points."""
    before = tempfile.tempdir
    if len(os.fsencode(tempfile.gettempdir())) > _SHORT_BYTES:
        tempfile.tempdir = "/tmp"  # noqa: S108 - multiprocessing makes a private folder in it
    try:
        yield
    finally:
        tempfile.tempdir = before
