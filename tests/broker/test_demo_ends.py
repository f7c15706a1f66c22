"""`headrace demo` leaves nothing behind, whenever and however it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.broker.demos import OnTerminal, Start, demos, n_records

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Start]:
    with demos(tmp_path) as start:
        yield start


def test_ctrl_c_while_kafka_is_prepared_leaves_nothing(demo: Start) -> None:
    running = demo()
    running.until(lambda: running.members("kafka.tools.StorageTool"), "its storage is formatted")
    assert running.interrupt() == 130
    assert running.left_nothing()


def test_sigterm_while_kafka_starts_leaves_nothing(demo: Start) -> None:
    running = demo()
    running.until(lambda: running.members("kafka.Kafka"), "it starts")
    assert running.interrupt(signal.SIGTERM) == 143
    assert running.left_nothing()


def test_ctrl_c_while_workers_start_leaves_nothing(demo: Start, bootstrap: str) -> None:
    running = demo(bootstrap=bootstrap)
    running.until(lambda: len(running.members("worker")) == 2, "two workers start")
    assert running.interrupt() == 130
    assert running.left_nothing()


def test_ctrl_c_before_a_terminal_while_it_streams_leaves_nothing(demo: Start) -> None:
    running = demo(terminal=True)
    assert isinstance(running, OnTerminal)
    running.says("majority baseline")
    assert running.press_ctrl_c() == 130
    shown = running.stdout()
    assert "stopped; nothing is left running" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l"), "the cursor is shown again"
    assert "Traceback" not in shown
    assert running.left_nothing()


def test_sigterm_while_it_streams_leaves_nothing(demo: Start, bootstrap: str) -> None:
    n_before = n_records(bootstrap, "flights.predictions")
    running = demo(bootstrap=bootstrap)
    running.until(lambda: n_records(bootstrap, "flights.predictions") > n_before, "it streams")
    assert running.interrupt(signal.SIGTERM) == 143
    assert "Traceback" not in running.stderr()
    assert running.left_nothing()
