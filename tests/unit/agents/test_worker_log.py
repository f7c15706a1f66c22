"""What a supervisor reads of its workers' output, through a file or a pipe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.worker_log import TAIL_LINES, LastWords, LogFile, LogPipe, WorkerLog, parsed


@pytest.fixture(params=["file", "pipe"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerLog]:
    found: Any = LogFile(tmp_path / "worker-1.log") if request.param == "file" else LogPipe()
    yield found
    if found.fd is not None:
        os.close(found.fd)


def test_lines_come_once_and_only_when_they_are_ended(log: WorkerLog) -> None:
    with log.opened() as fd:
        os.write(fd, b"one\ntwo\nthr")
        assert list(log.new_lines()) == [b"one", b"two"]
        os.write(fd, b"ee\n")
        assert list(log.new_lines()) == [b"three"]
        assert list(log.new_lines()) == []


def test_a_second_start_begins_with_its_own_lines(log: WorkerLog) -> None:
    with log.opened() as fd:
        os.write(fd, b"old\n")
    assert list(log.new_lines()) == [b"old"]
    with log.opened() as fd:
        os.write(fd, b"new\n")
        assert list(log.new_lines()) == [b"new"]


def test_the_tail_is_the_last_lines(log: WorkerLog) -> None:
    with log.opened() as fd:
        os.write(fd, b"".join(b"line %d\n" % i for i in range(40)))
        list(log.new_lines())
        tail = log.tail().splitlines()

    assert tail == [f"line {i}" for i in range(40 - TAIL_LINES, 40)]


def test_what_has_no_end_is_told_when_the_process_has_one() -> None:
    log = LogPipe()
    with log.opened() as fd:
        os.write(fd, b"killed in the mid")
        assert list(log.new_lines()) == []

    assert list(log.new_lines()) == [b"killed in the mid"]
    assert log.fd is None
    assert list(log.new_lines()) == []


def test_a_line_without_an_end_does_not_fill_memory() -> None:
    log = LogPipe()
    with log.opened() as fd:
        told = 0
        for _ in range(64):
            os.write(fd, b"x" * 65_536)
            told += sum(map(len, log.new_lines()))
    rest = sum(map(len, log.new_lines()))

    assert told + rest == 64 * 65_536
    assert rest <= 1 << 20


def words(*lines: bytes) -> str:
    found = LastWords()
    for line in lines:
        found.hear(parsed(line))
    return found.text


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b'{"event": "assigned", "level": "info"}'], ""),
        ([b"error: no broker", b"  why  none"], "error: no broker"),
        (
            [b"ValueError: 7", b"Current thread 0x00007f (most recent call first):", b"  File"],
            "ValueError: 7",
        ),
        ([b"Timeout (0:01:30)!", b"Thread 0x00007f (most recent call first):"], "Timeout (0:01:30)!"),
        (
            [b'{"event": "watchdog", "level": "critical", "reason": "it hangs"}', b"Thread 0x1 (most", b"x"],
            "it hangs",
        ),
        (
            [b'{"event": "e", "level": "critical", "reason": "stop", "why": "refused"}', b"error: stop"],
            "stop: refused",
        ),
    ],
    ids=["nothing", "error", "stack", "timer", "watchdog", "reason"],
)
def test_last_words_are_the_reason_and_no_stack(lines: list[bytes], expected: str) -> None:
    assert words(*lines) == expected
